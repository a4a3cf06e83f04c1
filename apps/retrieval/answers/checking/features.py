"""What the learned checker looks at: numbers about a claim and the sentences that may bear it out.

How much of the claim the sentences say, how well its numbers are met, and whether those that say most of it go its way.
Nothing is about the claim alone: how a sentence is put does not tell whether it is true.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from apps.retrieval.answers.checking.reading import Words, falling_stems, rising_stems, turning_stems

LOOKED_AT = 2
"""Sentences that say most of the claim, each with features of its own."""

REACH = 4.0
"""Words, over which a direction fades with its distance from what the claim is about."""


def features(claim: Words, quotes: Sequence[Words]) -> dict[str, float]:
    """By name; there must be a quote. Every call gives the same names in the same order."""
    weights = _weights(claim, quotes)
    ranked = sorted(quotes, key=lambda quote: -_nearness(claim, quote, weights))
    found = {f"all_{name}": value for name, value in _of_all(claim, quotes, weights).items()}
    for place in range(LOOKED_AT):
        quote = ranked[min(place, len(ranked) - 1)]
        found |= {f"best{place + 1}_{name}": value for name, value in _of_quote(claim, quote, weights).items()}
    return found


def _weights(claim: Words, quotes: Sequence[Words]) -> Mapping[str, float]:
    """Of each term of the claim: a term that few of the sentences have tells more."""
    held = {term: sum(term in quote.terms for quote in quotes) for term in claim.terms}
    return {term: math.log((len(quotes) + 2) / (times + 0.5)) for term, times in held.items()}


def _share(terms: frozenset[str], held: frozenset[str], weights: Mapping[str, float]) -> float:
    # In one order, as sums of floats depend on it.
    total = math.fsum(weights[term] for term in terms)
    return math.fsum(weights[term] for term in terms & held) / total if total else 0.0


def _nearness(claim: Words, quote: Words, weights: Mapping[str, float]) -> float:
    return _share(claim.topic, quote.terms, weights) + 0.3 * _pairs(claim, quote)


def _pairs(claim: Words, quote: Words) -> float:
    return len(claim.pairs & quote.pairs) / max(1, len(claim.pairs))


def _plain(claim: Words, held: frozenset[str]) -> float:
    return len(claim.terms & held) / max(1, len(claim.terms))


def _of_all(claim: Words, quotes: Sequence[Words], weights: Mapping[str, float]) -> dict[str, float]:
    shares = sorted((_share(claim.terms, quote.terms, weights) for quote in quotes), reverse=True)
    plain = sorted((_plain(claim, quote.terms) for quote in quotes), reverse=True)
    said = frozenset[str]().union(*(quote.terms for quote in quotes))
    numbers = frozenset[str]().union(*(quote.numbers for quote in quotes))
    return {
        "share_first": shares[0],
        "share_second": shares[min(1, len(shares) - 1)],
        "share_mean": math.fsum(shares) / len(shares),
        "plain_first": plain[0],
        "plain_second": plain[min(1, len(plain) - 1)],
        "topic_first": max(_share(claim.topic, quote.terms, weights) for quote in quotes),
        "pairs_first": max(_pairs(claim, quote) for quote in quotes),
        "said": _plain(claim, said),
        "topic_unsaid": float(min(len(claim.topic - said), 4)),
        "numbers_unmet": float(min(len(claim.figures - numbers), 3)),
        "numbers_met": float(min(len(claim.numbers & numbers), 3)),
    }


def _of_quote(claim: Words, quote: Words, weights: Mapping[str, float]) -> dict[str, float]:
    direction = _direction_near(claim.topic, quote)
    turning = claim.terms & turning_stems(claim.language)
    return {
        "share": _share(claim.terms, quote.terms, weights),
        "rising": float(min(quote.rising, 3)),
        "falling": float(min(quote.falling, 3)),
        "negations": float(min(quote.negations, 2)),
        "negation_differs": float((claim.negations > 0) != (quote.negations > 0)),
        "same_direction": float(claim.direction * quote.direction),
        "same_turns": _parity(claim) * _parity(quote),
        "direction_near": direction,
        "same_direction_near": direction * claim.direction,
        "turning_met": len(turning & quote.terms) - len(turning - quote.terms) / 2,
        "number_clash": float(bool(quote.numbers and claim.figures - quote.numbers)),
    }


def _parity(words: Words) -> float:
    return -1.0 if (words.falling + words.negations) % 2 else 1.0


def _direction_near(topic: frozenset[str], quote: Words) -> float:
    """The sum of its directions, each the less the farther it is from a word of the topic."""
    about = [place for place, word in enumerate(quote.stems) if word in topic]
    if not about:
        return 0.0
    return math.fsum(
        sign * math.exp(-min(abs(place - one) for one in about) / REACH) for place, sign in _directions(quote)
    )


def _directions(quote: Words) -> Iterator[tuple[int, int]]:
    """The place and the sign of each."""
    for place, word in enumerate(quote.stems):
        if word in rising_stems():
            yield place, 1
        elif word in falling_stems():
            yield place, -1
