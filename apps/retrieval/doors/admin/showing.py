"""Answers and passages made ready for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from apps.documents.admin.addresses import version_span_url
from apps.documents.admin.wording import where_in_words
from apps.retrieval.answers.kept import KeptPassage
from apps.retrieval.answers.types import Verdict
from apps.retrieval.doors.exporting import Reference, referenced
from apps.retrieval.models import Answer
from ragsite.core.admin.base import Words, badge
from ragsite.core.admin.waterfalls import WaterfallRow, waterfall_rows

STEPS = ("rewrite", "scope", "embed", "dense", "lexical", "fuse", "rerank", "passages", "context", "generate", "cite")


VERDICTS: dict[Verdict, str] = {
    Verdict.SUPPORTED: gettext_noop("Supported"),
    Verdict.WEAK: gettext_noop("Weak"),
    Verdict.UNSUPPORTED: gettext_noop("Unsupported"),
    Verdict.CONTRADICTED: gettext_noop("Contradicted"),
}
MEETS = _("How well this text meets the question")
VERDICT_TONES: dict[Verdict, str] = {
    Verdict.SUPPORTED: "success",
    Verdict.WEAK: "warning",
    Verdict.UNSUPPORTED: "danger",
    Verdict.CONTRADICTED: "danger",
}


@dataclass(frozen=True, slots=True)
class ShownSpan:
    """A span of a document version; `url` leads to where it can be read, `number` counts from 1."""

    number: int
    name: str
    title: str
    version_number: int
    url: str
    where: str
    text: str
    score: float
    score_title: Words = MEETS


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer with the citations its claims rest on; `degraded` says in words what could not be done."""

    text: str
    found: bool
    generator: str
    citations: tuple[ShownSpan, ...]
    milliseconds: dict[str, float]
    degraded: tuple[str, ...] = ()
    waterfall: tuple[WaterfallRow, ...] = ()


def answer_shown(answer: Answer) -> ShownAnswer:
    """The answer; its citations and their documents are best fetched with it."""
    citations = tuple(_source(one) for one in referenced(answer).references)
    degraded = tuple(one["detail"] for one in answer.degraded)
    steps = steps_in_order(answer.milliseconds)
    rows = tuple(waterfall_rows(answer.timeline, step_titles()))
    return ShownAnswer(answer.text, answer.found, answer.generator, citations, steps, degraded, rows)


@dataclass(frozen=True, slots=True)
class ShownSentence:
    """A sentence with its verdict, and the numbers of the citations that it rests on."""

    text: str
    shown: bool
    badge: SafeString
    confidence: float
    numbers: tuple[int, ...]


def sentences_shown(answer: Answer, *, left_out: bool) -> list[ShownSentence]:
    """The sentences in the order in which they were written; those that were left out of the answer only if asked for."""
    numbers = iter(referenced(answer).sentences)
    return [
        ShownSentence(
            one["text"],
            one["shown"],
            badge(gettext(VERDICTS[Verdict(one["verdict"])]), VERDICT_TONES[Verdict(one["verdict"])]),
            one["confidence"],
            next(numbers)[1] if one["shown"] else (),
        )
        for one in answer.statements
        if one["shown"] or left_out
    ]


def kept_shown(passages: Sequence[KeptPassage]) -> list[ShownSpan]:
    """The passages of a kept answer, best first."""
    return [
        ShownSpan(
            number=number,
            name=one.version.document.name,
            title=one.version.document.title,
            version_number=one.version.number,
            url=version_span_url(one.version, start=one.start, end=one.end),
            where=where_in_words(one.heading_path, one.place),
            text=one.text,
            score=one.score,
            score_title=gettext("The score that passages were ordered by"),
        )
        for number, one in enumerate(passages, start=1)
    ]


def steps_in_order(milliseconds: Mapping[str, float]) -> dict[str, float]:
    """As the pipeline runs them; the database keeps no order. Steps of another pipeline come last."""
    known = [step for step in STEPS if step in milliseconds]
    return {step: milliseconds[step] for step in [*known, *sorted(set(milliseconds) - set(STEPS))]}


def step_titles() -> dict[str, str]:
    """What the steps of an answer are called, by their names in the system."""
    return {
        "rewrite": gettext("Understand the question"),
        "scope": gettext("Look at the rights"),
        "embed": gettext("Read the question's meaning"),
        "dense": gettext("Search by meaning"),
        "lexical": gettext("Search by words"),
        "fuse": gettext("Bring both together"),
        "rerank": gettext("Rerank"),
        "passages": gettext("Read the passages"),
        "context": gettext("Choose what to answer from"),
        "generate": gettext("Write the answer"),
        "cite": gettext("Check the quotes"),
    }


def _source(one: Reference) -> ShownSpan:
    citation = one.citation
    return ShownSpan(
        number=one.number,
        name=citation.version.document.name,
        title=one.title,
        version_number=citation.version.number,
        url=version_span_url(citation.version, start=citation.start, end=citation.end),
        where=where_in_words(citation.heading_path, citation.place),
        text=one.quote,
        score=citation.score,
    )
