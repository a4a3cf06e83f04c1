"""The data of a stream's events, as the REST API shows them. The last event's is an AnswerOut, or a problem."""

from __future__ import annotations

from uuid import UUID

from ninja import Schema

from apps.documents.parsing.types import place_narrowed
from apps.retrieval.answers.types import Quotation, Statement, Verdict
from apps.retrieval.doors.answer_shapes import CitationOut, SentenceOut
from apps.retrieval.doors.search_shapes import (
    DegradedOut,
    ExplanationOut,
    IndexingOut,
    PassageOut,
    SpanOut,
    explanation_out,
    passage_out,
    place_out,
)
from apps.retrieval.search.retrieval import Retrieval
from ragsite.gateway.problems import Problem


class CreatedOut(Schema):
    """The answer's id, under which it can be looked up once it is there."""

    id: UUID
    question: str


class RetrievedOut(Schema):
    """The passages that were found, best first."""

    passages: list[PassageOut]
    degraded: list[DegradedOut]
    indexing: IndexingOut | None
    explanation: ExplanationOut | None = None


class DeltaOut(Schema):
    """More of the answer's text: the sentence of that number, from 0, with the blank before it."""

    claim: int
    text: str


class AnnotationOut(SpanOut):
    """A span that the sentence rests on. The citation gets its id with the answer."""

    claim: int
    quote: str
    verdict: Verdict
    confidence: float


class WithdrawnOut(Schema):
    """The text so far does not count, and neither do its citations: the answer begins again."""

    generator: str
    problem: Problem


def retrieved_out(found: Retrieval, indexing: IndexingOut | None) -> RetrievedOut:
    return RetrievedOut(
        passages=[passage_out(passage) for passage in found.passages],
        degraded=[DegradedOut(**one.record()) for one in found.degraded],
        indexing=indexing,
        explanation=explanation_out(found),
    )


def annotation_out(quotation: Quotation, statement: Statement, claim: int) -> AnnotationOut:
    passage, judgement = quotation.passage, statement.judgement
    return AnnotationOut(
        claim=claim,
        document=passage.document_id,
        title=passage.document_title,
        name=passage.document_name,
        version=passage.version_id,
        version_number=passage.version_number,
        heading_path=list(passage.heading_path),
        place=place_out(place_narrowed(passage.place, quotation.start, quotation.end)),
        start=quotation.start,
        end=quotation.end,
        quote=quotation.quote,
        score=quotation.score,
        verdict=judgement.verdict,
        confidence=round(judgement.confidence, 3),
    )


def annotation_again(citation: CitationOut, sentence: SentenceOut) -> AnnotationOut:
    """Of a citation that is kept already."""
    told = citation.model_dump(exclude={"id"})
    return AnnotationOut(**told, verdict=sentence.verdict, confidence=sentence.confidence)
