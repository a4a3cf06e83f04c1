"""The verdict on a claim. Rules say what is turned round, as a wrong "contradicted" takes a sentence out of an answer; whether
what is left is borne out well or weakly was learned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from apps.documents.languages import STOP_WORDS
from apps.retrieval.answers.checking.features import features
from apps.retrieval.answers.checking.learned import model_in_use
from apps.retrieval.answers.checking.reading import Words, language_of_texts, words_of
from apps.retrieval.answers.checking.turning import Turn, turn_of
from apps.retrieval.answers.types import Judgement, Verdict

SURE = 0.5
"""The least probability at which a claim that is put in other words counts as supported."""

BY_RULE = 0.88
"""How sure the rules are of "contradicted": 6 of the 6 pairs of SciFact for which they say so are, which estimates 7 / 8."""

_ADDRESS = re.compile(r"""(?:https?|ftp)://[^\s<>()\[\]"']+""", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d_]*[A-ZÀ-ÖØ-ÞĀ-Ž\u0391-\u03a9\u0410-\u042f][^\W_]*")


def judge(claim: str, quotes: Sequence[str], *, around: Sequence[str] = ()) -> Judgement:
    """Whether quotations bear out a claim, one of which is enough; `around` are the sentences of the passages that they are from,
    and their headings.

    `unsupported` is only a claim for which there is no quotation, or none with its numbers, or which leads to an address that
    stands nowhere there.
    """
    context = [*quotes, *around]
    if not quotes or _leads_elsewhere(claim, context):
        return Judgement(Verdict.UNSUPPORTED)
    language = language_of_texts([*context, claim])
    said, found = words_of(claim, language), [words_of(quote, language) for quote in quotes]
    turns = [turn_of(said, quote) for quote in found]
    if Turn.NO not in turns:
        return _turned(said, found, turns)
    if _names_unknown(claim, context, language):
        return Judgement(Verdict.WEAK, SURE)
    likely = likelihoods(said, (words_of(one, language) for one in around or quotes))["supported"]
    if any(said.terms <= quote.terms for quote in found):
        return Judgement(Verdict.SUPPORTED, max(likely, SURE))
    return Judgement(Verdict.SUPPORTED, likely) if likely >= SURE else Judgement(Verdict.WEAK, 1 - likely)


def likelihoods(claim: Words, quotes: Iterable[Words]) -> dict[str, float]:
    """How likely the claim is supported, contradicted, or neither by the sentences."""
    return model_in_use().probabilities(features(claim, list(quotes)))


def _turned(claim: Words, quotes: Sequence[Words], turns: Sequence[Turn]) -> Judgement:
    if Turn.YES in turns:
        return Judgement(Verdict.CONTRADICTED, BY_RULE)
    if all(claim.figures - quote.numbers for quote in quotes):
        return Judgement(Verdict.UNSUPPORTED)
    return Judgement(Verdict.WEAK, SURE)


def _leads_elsewhere(claim: str, context: Sequence[str]) -> bool:
    """Whether it has an address that stands nowhere in the context: such a link may take along what was asked."""
    addresses = (found.rstrip(".,;:!?") for found in _ADDRESS.findall(claim))
    return any(all(address not in text for text in context) for address in addresses)


def _names_unknown(claim: str, context: Iterable[str], language: str) -> bool:
    """Whether it has a word with a capital letter that stands nowhere in the context."""
    names = {name.casefold() for name in _NAME.findall(claim)} - STOP_WORDS.get(language, frozenset())
    known = words_of("\n".join(context), language)
    return any(not words_of(name, language).terms <= known.terms for name in names)
