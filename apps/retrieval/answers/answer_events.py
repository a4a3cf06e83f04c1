"""An answer as events tell of it: how it was searched for, how it was written, and that the question was answered.

All is read from the rows that are kept, so that what was answered before anybody listened can be told of in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from apps.retrieval.answers.types import Verdict
from apps.retrieval.events import CitedSpan, GenerationCompleted, QueryProcessed, RetrievalCompleted, StepDegraded
from apps.retrieval.models import Answer, Citation
from ragsite.core.events import Event

NOT_OF_THE_SEARCH = frozenset({"rewrite", "generate", "cite"})
"""The steps of an answer before and after its search."""


def answer_events(answer: Answer, cited: Sequence[CitedSpan], *, passages: int | None = None) -> list[Event]:
    """What is told of an answer that was made; `passages` is how many its generator read, if not all."""
    read = len(answer.passages) if passages is None else passages
    return [_processed(answer, len(cited), passages=read), _retrieved(answer), _generated(answer, cited)]


def answer_events_of_copy(answer: Answer, cited: Sequence[CitedSpan]) -> list[Event]:
    """What is told of one that was given again: nothing was searched for, and no step was degraded."""
    processed = _processed(answer, len(cited), passages=len(answer.passages), degraded=())
    return [processed, _generated(answer, cited, from_cache=True)]


def citations_told(citations: Iterable[Citation]) -> list[CitedSpan]:
    """The spans of citations whose versions and documents are at hand."""
    return [
        CitedSpan(
            knowledge_base_id=one.version.document.knowledge_base_id, document_id=one.version.document_id,
            version_id=one.version_id, start=one.start, end=one.end,
        )
        for one in citations
    ]  # fmt: skip


def _processed(
    answer: Answer, citations: int, *, passages: int, degraded: tuple[StepDegraded, ...] | None = None
) -> QueryProcessed:
    return QueryProcessed(
        tenant_id=answer.query.tenant_id,
        query_id=answer.query_id,
        found=answer.found,
        generator=answer.generator,
        passages=passages,
        citations=citations,
        milliseconds=answer.milliseconds,
        degraded=tuple(map(_degraded, answer.degraded)) if degraded is None else degraded,
    )


def _retrieved(answer: Answer) -> RetrievalCompleted:
    candidates = answer.searched.get("candidates", {})
    scores = [float(one["score"]) for one in answer.passages]
    took = {step: spent for step, spent in answer.milliseconds.items() if step not in NOT_OF_THE_SEARCH}
    return RetrievalCompleted(
        tenant_id=answer.query.tenant_id,
        query_id=answer.query_id,
        knowledge_bases=_asked_of(answer),
        mode=answer.searched.get("mode", ""),
        passages=len(answer.passages),
        candidates=dict(candidates),
        best_score=max(scores, default=None),
        milliseconds=took,
    )


def _generated(answer: Answer, cited: Sequence[CitedSpan], *, from_cache: bool = False) -> GenerationCompleted:
    verdicts = [one.get("verdict") for one in answer.statements]
    return GenerationCompleted(
        tenant_id=answer.query.tenant_id,
        query_id=answer.query_id,
        answer_id=answer.pk,
        knowledge_bases=_asked_of(answer),
        found=answer.found,
        generator=answer.generator,
        model=answer.model,
        prompt=answer.prompt,
        tokens_read=answer.usage.get("prompt_tokens", 0),
        tokens_written=answer.usage.get("completion_tokens", 0),
        statements=len(verdicts),
        supported=verdicts.count(Verdict.SUPPORTED.value),
        cited=tuple(cited),
        from_cache=from_cache,
    )


def _asked_of(answer: Answer) -> tuple[UUID, ...]:
    return tuple(UUID(str(pk)) for pk in answer.query.knowledge_base_ids)


def _degraded(kept: dict[str, object]) -> StepDegraded:
    named = kept.get("knowledge_bases") or []
    return StepDegraded(
        step=str(kept["step"]),
        code=str(kept["code"]),
        detail=str(kept["detail"]),
        knowledge_bases=tuple(UUID(str(pk)) for pk in named),  # type: ignore[attr-defined]  # a list of the row's JSON
    )
