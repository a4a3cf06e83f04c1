"""Whether a quotation says the opposite of a claim: another number, a negation more or less, or an opposite word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from apps.retrieval.answers.checking.reading import Clause, Words, negation_stems, opposites


class Turn(Enum):
    """Whether a quotation turns a claim; MAYBE where it also says something else than the claim."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


def turn_of(claim: Words, quote: Words) -> Turn:
    """How a quotation stands to a claim in the same language.

    With a negation and an opposite at once ("not open" beside "closed") it may say the same, and so with two negations.
    """
    if (unmet := claim.figures - quote.numbers) or _counts_otherwise(claim, quote):
        is_amount = unmet <= claim.amounts and quote.amounts
        return Turn.YES if is_amount and _words_only(claim.terms) <= quote.terms else Turn.MAYBE
    opposed, perhaps = _opposed(claim, quote)
    mine = sum(clause.negations for clause in claim.clauses)
    more, more_of_parts = (_negations(claim, clauses) - mine for clauses in (quote.clauses, quote.parts))
    if not (opposed or perhaps or more or more_of_parts):
        return Turn.NO
    is_sure = not perhaps and more == more_of_parts and bool(opposed) != bool(more % 2)
    is_same_otherwise = claim.terms - negation_stems(claim.language) - opposed <= quote.terms
    return Turn.YES if is_sure and is_same_otherwise else Turn.MAYBE


def _counts_otherwise(claim: Words, quote: Words) -> bool:
    """Whether the quotation counts the same with another number, such as 21 days and not 12."""
    units = {unit for _, unit in quote.counted}
    return any(unit in units for _, unit in claim.counted - quote.counted)


def _words_only(terms: Iterable[str]) -> frozenset[str]:
    return frozenset(term for term in terms if not any(sign.isdigit() for sign in term))


def _opposed(claim: Words, quote: Words) -> tuple[frozenset[str], frozenset[str]]:
    """The words of the claim of whose topic the quotation says an opposite, for sure and perhaps. What negations say is not
    counted twice.
    """
    negations, claimed = negation_stems(claim.language), frozenset(claim.stems)
    known = opposites(claim.language)
    against = {word: known[word] - negations - claimed for word in claimed - negations if word in known}
    turns = {word: _opposes(word, others, claim, quote) for word, others in against.items()}
    return (
        frozenset(word for word, turn in turns.items() if turn is Turn.YES),
        frozenset(word for word, turn in turns.items() if turn is Turn.MAYBE),
    )


def _opposes(word: str, others: frozenset[str], claim: Words, quote: Words) -> Turn:
    """Whether an opposite says more of the claim than the word itself does; in one sentence both may have the same subject."""
    opposing = [clause for clause in quote.clauses if others & clause.stems and word not in clause.stems]
    agreeing = [clause for clause in quote.clauses if word in clause.stems]
    if not opposing or (agreeing and len(_said(opposing, claim)) <= len(_said(agreeing, claim) - {word})):
        return Turn.NO
    shared = {clause.sentence for clause in opposing} & {clause.sentence for clause in agreeing}
    return Turn.MAYBE if shared else Turn.YES


def _negations(claim: Words, clauses: Sequence[Clause]) -> int:
    """How often what clauses say of the claim is negated: one beside it that is negated says nothing of that."""
    said = _said((clause for clause in clauses if not clause.negations), claim)
    return sum(clause.negations for clause in clauses if clause.negations and _said([clause], claim) - said)


def _said(clauses: Iterable[Clause], claim: Words) -> frozenset[str]:
    """What clauses have of the claim."""
    return claim.terms & frozenset[str]().union(*(clause.terms for clause in clauses))
