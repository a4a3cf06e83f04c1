"""How a question flows: scope, embed, search, fuse, context, generate, cite, save, respond. Run by the web process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from apps.documents.retrieval_settings import Mode, RetrievalSettings
from apps.documents.rights.access import AccessScope
from apps.documents.rights.reading import reading_as
from apps.models.gateway import Deadline
from apps.retrieval.answers.citations import citations_verify
from apps.retrieval.answers.context import context_build
from apps.retrieval.answers.extractive import ExtractiveGenerator
from apps.retrieval.answers.services import AnswerRecord, answer_save
from apps.retrieval.answers.types import Draft, Generator
from apps.retrieval.models import Answer, IndexGeneration
from apps.retrieval.search.conditions import scope_condition
from apps.retrieval.search.dense import generations_in_scope
from apps.retrieval.search.diversity import chunk_similarities
from apps.retrieval.search.filters import filters_condition
from apps.retrieval.search.fusion import RankedChunk, rank
from apps.retrieval.search.legs import Legs, PlanOfLeg, SearchSpace, dense_leg, legs_completed, lexical_leg
from apps.retrieval.search.loading import passages_load
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.questions import Question, questions_embed
from apps.retrieval.search.refining import Similarities, passages_chosen, passages_surrounded
from apps.retrieval.search.request import SearchRequest, settings_for
from apps.retrieval.search.reranking import Reranked, rerank_passages, reranker_required
from apps.retrieval.search.timing import Timings
from ragsite.core.database import connection_release
from ragsite.core.errors import RagError, TransientError


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Passages best first, and how they came about.

    `settings` are those that were searched by, `candidates` how many chunks each step left. `degraded` is why the
    question was not embedded: then the passages were found by words alone. `unreranked` is why they were not reranked,
    though they should have been.
    """

    passages: tuple[Passage, ...]
    settings: RetrievalSettings
    questions: tuple[Question, ...] = ()
    plans: tuple[PlanOfLeg, ...] = ()
    candidates: Mapping[str, int] = field(default_factory=dict)
    degraded: TransientError | None = None
    unreranked: RagError | None = None
    timings: Timings = field(default_factory=Timings)


@dataclass(frozen=True, slots=True)
class _EmbeddedRequest:
    """A request with its question embedded, where that is needed and possible."""

    request: SearchRequest
    settings: RetrievalSettings
    questions: Mapping[UUID, Question]
    degraded: TransientError | None = None


def search(
    request: SearchRequest, *, scope: AccessScope, deadline: Deadline, generation: IndexGeneration | None = None
) -> SearchResult:
    """The passages that the request asks for and the scope allows, of the live generations or of the given one.

    Raises:
        InvalidRetrievalError: the request's weight is not possible.
        NoRerankerError: the request asks for a reranker, and none is registered.
        ModelUnavailableError: no model worker answered before the deadline, and the request may not fall back on words.
    """
    timings = Timings()
    with timings.step("scope"):
        generations = [generation] if generation else generations_in_scope(scope)
    with timings.step("embed"):
        asked = _embedded(request, generations, deadline)
    condition = scope_condition(scope) & filters_condition(request.filters)
    where = SearchSpace(scope, condition, generations, request.depth)
    with reading_as(scope):
        legs = _legs(where, asked, timings)
        with timings.step("fuse"):
            ranked = rank(legs.dense, legs.lexical, settings=asked.settings)
        with timings.step("passages"):
            found = passages_load(_best(ranked, request), where.condition, scope=scope)
            alike = _similarities(request, found, where)
    reranked = _reranked(request, found, deadline, timings)
    with timings.step("passages"):
        chosen = passages_chosen(request, reranked.passages, found, alike)
        passages = passages_surrounded(request, chosen, scope)
    of_legs = {"dense": len(legs.dense.hits), "lexical": len(legs.lexical.hits)}
    candidates = of_legs | {"fused": len(ranked), "read": len(found), "passages": len(passages)}
    questions = tuple(asked.questions.values())
    failed = asked.degraded, reranked.failure
    return SearchResult(passages, asked.settings, questions, legs.plans, candidates, *failed, timings)


def ask(request: SearchRequest, *, scope: AccessScope, asked_by: str, deadline: Deadline) -> Answer:
    """Answer a question from the documents that the scope allows; every claim has a citation that was checked.

    Raises:
        InvalidRetrievalError: the request's weight is not possible.
        ModelUnavailableError: no model worker answered before the deadline.
    """
    # An answer needs the model too: there is nothing to fall back on.
    found = search(replace(request, fallback=False), scope=scope, deadline=deadline)
    generator = generator_default()
    with found.timings.step("context"):
        context = context_build(found.passages)
    with found.timings.step("generate"):
        draft = _generate(generator, _question(found, request, scope, deadline), context, deadline)
    with found.timings.step("cite"), reading_as(scope):
        checked = citations_verify(draft)
    return answer_save(AnswerRecord(request.text, scope, asked_by, checked, len(context), found.timings.milliseconds))


def generator_default() -> Generator:
    """The generator in use: without a language model, the extractive one."""
    return ExtractiveGenerator()


def _embedded(request: SearchRequest, generations: Sequence[IndexGeneration], deadline: Deadline) -> _EmbeddedRequest:
    settings = settings_for(request, generations)
    if settings.mode is Mode.LEXICAL:
        return _EmbeddedRequest(request, settings, {})
    try:
        return _EmbeddedRequest(request, settings, questions_embed(request.text, generations, deadline=deadline))
    except TransientError as error:
        if not request.may_fall_back:
            raise
        return _EmbeddedRequest(request, replace(settings, mode=Mode.LEXICAL), {}, error)


def _legs(where: SearchSpace, asked: _EmbeddedRequest, timings: Timings) -> Legs:
    """What the legs of the mode found."""
    dense, lexical = [], None
    if asked.settings.mode is not Mode.LEXICAL:
        with timings.step("dense"):
            dense = dense_leg(where, asked.questions)
    if asked.settings.mode is not Mode.DENSE:
        with timings.step("lexical"):
            lexical = lexical_leg(where, asked.request.text)
    with timings.step("fuse"):
        return legs_completed(where, dense, lexical)


def _similarities(request: SearchRequest, found: Sequence[Passage], where: SearchSpace) -> Similarities | None:
    """How like each other the passages are, where they shall differ."""
    if not request.diversity:
        return None
    return chunk_similarities([one.chunk_id for one in found], scope=where.scope, generations=where.generations)


def _reranked(request: SearchRequest, found: Sequence[Passage], deadline: Deadline, timings: Timings) -> Reranked:
    if not request.rerank:
        return Reranked(tuple(found))
    with timings.step("rerank"):
        return rerank_passages(request.text, found, model=reranker_required(), deadline=deadline)


def _question(found: SearchResult, request: SearchRequest, scope: AccessScope, deadline: Deadline) -> Question | None:
    """The question with a vector, which a search by words did without; None where nothing is searched."""
    questions = found.questions
    if found.passages and not questions:
        questions = tuple(questions_embed(request.text, generations_in_scope(scope), deadline=deadline).values())
    return next(iter(questions), None)


def _generate(generator: Generator, question: Question | None, context: Sequence[Passage], deadline: Deadline) -> Draft:
    if not context or question is None:
        return Draft(generator.name, ())
    connection_release()
    return generator.generate(question, context, deadline=deadline)


def _best(ranked: Sequence[RankedChunk], request: SearchRequest) -> list[RankedChunk]:
    """As many as are to be looked at, of those whose score is high enough."""
    least = request.threshold
    return [one for one in ranked[: request.pool] if least is None or one.score >= least]
