"""How a question flows: scope, embed, search, fuse, rerank; context, generate; cite, save. Run by the web process.

`retrieve`, `draft` and `settle` are the three parts, values in and values out; every door puts these together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from apps.documents.retrieval_settings import Fusion, Mode, RetrievalSettings
from apps.documents.rights.access import AccessScope, reading_as
from apps.models.gateway import Deadline
from apps.models.installed_model import ModelKind
from apps.models.selectors import model_named, reader_default, writer_in_use
from apps.retrieval.answers.drafting import pieces_collect, pieces_write
from apps.retrieval.answers.extractive.generator import ExtractiveGenerator
from apps.retrieval.answers.language import LanguageModelGenerator, writers
from apps.retrieval.answers.masking import request_masked
from apps.retrieval.answers.materials import material_of
from apps.retrieval.answers.options import AS_USUAL, AnswerOptions
from apps.retrieval.answers.reading import readers
from apps.retrieval.answers.services import AnswerRecord, answer_save, citations_verify
from apps.retrieval.answers.turns import AskedTurn
from apps.retrieval.answers.types import Generator, Piece, Pieces
from apps.retrieval.models import Answer, IndexGeneration, parts_read
from apps.retrieval.search.beside import Answers, stores_asked
from apps.retrieval.search.degradation import (
    BY_POSTGRESQL,
    BY_SMALLER,
    BY_WORDS,
    STORELESS,
    STORELESS_WORDS,
    UNSEARCHED,
    Degradation,
    DegradedStep,
)
from apps.retrieval.search.dense import generations_in_scope, standbys_of
from apps.retrieval.search.filters import filters_condition, scope_condition
from apps.retrieval.search.fusion import RankedChunk, rank
from apps.retrieval.search.legs import Legs, SearchSpace, dense_leg, legs_completed, lexical_leg
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.questions import Question, Questions, questions_embed
from apps.retrieval.search.refining import (
    Similarities,
    chunk_similarities,
    passages_chosen,
    passages_load,
    passages_surrounded,
)
from apps.retrieval.search.request import SearchRequest, settings_for
from apps.retrieval.search.reranking import RerankResult, rerank_passages, reranker_required
from apps.retrieval.search.retrieval import Retrieval
from apps.retrieval.search.timing import Timings
from apps.retrieval.search.weighing import names_and_pages_weighed
from ragsite.core.actors import Actor
from ragsite.core.configuration import GenerationSettings, SearchSettings
from ragsite.core.database import connection_release
from ragsite.core.ids import new_id


def retrieve(
    request: SearchRequest, *, scope: AccessScope, deadline: Deadline, generation: IndexGeneration | None = None
) -> Retrieval:
    """The passages that the request asks for and the scope allows, of the live generations or of the given one.

    Raises:
        InvalidRetrievalError: a share of the request is invalid.
        NoRerankerError: the request asks for a reranker, and none is registered.
        ModelUnavailableError, PermanentError: a model gave no vector of the question, and the request may not fall back; or none
            did, and it asks for meaning alone.
    """
    timings = Timings()
    with timings.step("scope"):
        generations = parts_read([generation]) if generation else generations_in_scope(scope)
        # Not of a given one: who compares generations does not mean another.
        standbys = standbys_of(generations) if request.fallback and generation is None else {}
    with timings.step("embed"):
        embedded = _embedded(request, generations, standbys, deadline)
    condition = scope_condition(scope) & filters_condition(request.filters)
    answers = stores_asked(
        condition, scope=scope, generations=embedded.generations, limit=request.depth, deadline=deadline,
        vectors={version_id: question.vector for version_id, question in embedded.questions.items()},
    )  # fmt: skip
    embedded = _without_stores(embedded, answers)
    where = SearchSpace(scope, condition, embedded.generations, request.depth, answers)
    with reading_as(scope):
        legs = _legs(where, embedded, timings)
        with timings.step("fuse"):
            fused = rank(legs.dense, legs.lexical, settings=embedded.settings)
            ranked = names_and_pages_weighed(
                fused, where.condition, scope=scope, question=request.text, statistics=legs.statistics,
                settings=embedded.settings, limit=request.pool,
            )  # fmt: skip
        with timings.step("passages"):
            found = passages_load(_best(ranked, request), where.condition, scope=scope)
            alike = _similarities(request, found, where)
    reranked = _reranked(request, scope, found, deadline, timings)
    with timings.step("passages"):
        chosen = passages_chosen(request, reranked.passages, found, alike)
        passages = passages_surrounded(request, chosen, scope)
    of_legs = {"dense": len(legs.dense.hits), "lexical": len(legs.lexical.hits)}
    return Retrieval(
        request=request_masked(request, generations, tenant_id=scope.tenant_id),
        scope=scope,
        passages=passages,
        settings=embedded.settings,
        generations=tuple(embedded.generations),
        questions=tuple(embedded.questions.values()),
        plans=legs.plans,
        candidates=of_legs | {"fused": len(fused), "read": len(found), "passages": len(passages)},
        degraded=embedded.degraded + reranked.degraded,
        milliseconds=timings.tell(),
        statistics=legs.statistics,
        marks=timings.marks,
    )


def draft(
    found: Retrieval, *, deadline: Deadline, options: AnswerOptions = AS_USUAL, generators: Sequence[Generator] = ()
) -> Pieces:
    """An answer from what was found, as it is written; the last piece says by which generator.

    The generators are tried in turn, those in use if none are given. Closing the pieces stops the generator.

    Raises:
        RagError: while the pieces are taken: no generator could answer.
    """
    timings = Timings()
    chosen = generators or generators_for(found.request, options)
    with timings.step("context"):
        material = material_of(found, for_writers=any(isinstance(one, LanguageModelGenerator) for one in chosen))
    connection_release()
    return pieces_write(material, chosen, deadline=deadline, timings=timings)


def settle(
    found: Retrieval,
    pieces: Iterable[Piece],
    *,
    actor: Actor,
    options: AnswerOptions = AS_USUAL,
    answer_id: UUID | None = None,
    turn: AskedTurn | None = None,
) -> Answer:
    """The saved answer: of the pieces what counts, each statement with citations that were checked. Whoever told somebody of
    the answer before it was there gives it the id that was told. A question of a conversation has its `turn`.

    Raises:
        ValueError: the pieces have no end; nothing is saved.
        NotFoundError: the conversation was deleted meanwhile; nothing is saved.
    """
    drafted = pieces_collect(pieces)
    turn = turn or AskedTurn(found.request.text, found.request)
    timings = Timings()
    with timings.step("cite"), reading_as(found.scope):
        checked = citations_verify(drafted)
    milliseconds = {**turn.milliseconds, **found.milliseconds, **drafted.end.milliseconds, **timings.tell()}
    degraded = turn.degraded + found.degraded + drafted.end.degraded
    marks = (*turn.marks, *found.marks, *drafted.end.marks, *timings.marks)
    record = AnswerRecord(turn, found, checked, options, degraded, milliseconds, answer_id or new_id(), marks)
    return answer_save(record, actor=actor)


def ask(
    request: SearchRequest,
    *,
    scope: AccessScope,
    actor: Actor,
    deadline: Deadline,
    options: AnswerOptions = AS_USUAL,
    turn: AskedTurn | None = None,
) -> Answer:
    """Answer a question from the documents that the scope allows, for those who want the answer as a whole.

    Raises:
        InvalidRetrievalError, NoRerankerError, ModelUnavailableError, PermanentError: as `retrieve`.
        RagError: as `draft`.
        NotFoundError: as `settle`.
    """
    found = retrieve(request, scope=scope, deadline=deadline)
    return settle(found, draft(found, deadline=deadline, options=options), actor=actor, options=options, turn=turn)


def generators_for(request: SearchRequest, options: AnswerOptions = AS_USUAL) -> tuple[Generator, ...]:
    """The generators in use, the best one first: the language model, if one shall write, and those that quote sentences: by a
    reader, if there is one, and by words.
    """
    quoting: tuple[Generator, ...] = (*readers(reader_default()), ExtractiveGenerator())
    writer = model_named(options.model, kind=ModelKind.GENERATION) if options.model else writer_in_use()
    waits_for_one = writer is None and GenerationSettings.current().generator == "local"
    if options.writes is False or not (writer or waits_for_one):
        return quoting if request.fallback else quoting[:1]
    writing = writers(writer, options)
    return (*writing, *quoting) if request.fallback else writing[:1]


@dataclass(frozen=True, slots=True)
class _EmbeddedRequest:
    """A request with its question embedded, where that is needed and possible, and the generations that are searched by it."""

    request: SearchRequest
    settings: RetrievalSettings
    generations: Sequence[IndexGeneration]
    questions: Mapping[UUID, Question]
    degraded: tuple[Degradation, ...] = ()


def _embedded(
    request: SearchRequest,
    generations: Sequence[IndexGeneration],
    standbys: Mapping[int, IndexGeneration],
    deadline: Deadline,
) -> _EmbeddedRequest:
    settings = settings_for(request, generations)
    if settings.mode is Mode.LEXICAL:
        return _EmbeddedRequest(request, settings, generations, {})
    questions = questions_embed(request.text, generations, deadline=deadline, standbys=standbys)
    for error in questions.failures.values():
        if not request.fallback or (request.mode is Mode.DENSE and not questions.embedded):
            raise error
    left = _settings_left(request, settings, questions)
    searched = _searched(generations, standbys, questions)
    degraded = _degraded(request, questions, zip(generations, searched, strict=True))
    return _EmbeddedRequest(request, left, searched, questions.embedded, degraded)


def _searched(
    generations: Sequence[IndexGeneration], standbys: Mapping[int, IndexGeneration], questions: Questions
) -> list[IndexGeneration]:
    """The generations, but where their model did not answer and a smaller one did, that one's."""
    instead = {pk: one for pk, one in standbys.items() if one.model_version_id in questions.embedded}
    return [
        instead.get(one.pk, one) if one.model_version_id in questions.failures else one for one in generations
    ]  # fmt: skip


def _degraded(
    request: SearchRequest, questions: Questions, searched: Iterable[tuple[IndexGeneration, IndexGeneration]]
) -> tuple[Degradation, ...]:
    """What each model that did not answer is missed for; `searched` has each live generation with the one in its place."""
    otherwise = UNSEARCHED if request.mode is Mode.DENSE else BY_WORDS
    bases: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    for live, instead in searched:
        if live.model_version_id in questions.failures:
            how = otherwise if instead is live else BY_SMALLER
            bases[live.model_version_id, how].append(live.knowledge_base_id)
    return tuple(
        Degradation(DegradedStep.EMBED, questions.failures[version_id], tuple(ids), how)
        for (version_id, how), ids in bases.items()
    )


def _without_stores(embedded: _EmbeddedRequest, answers: Answers) -> _EmbeddedRequest:
    """The request as it is gone on with where stores of vectors did not answer, and says so."""
    errors = {pk: answer.error for pk, answer in answers.items() if answer.error is not None}
    if not errors:
        return embedded
    unsearched = {pk for pk in errors if not answers[pk].has_substitute}
    request, settings = embedded.request, embedded.settings
    if not request.fallback or (request.mode is Mode.DENSE and len(unsearched) == len(embedded.generations)):
        raise next(iter(errors.values()))
    if unsearched and request.mode is not Mode.DENSE:
        settings = _by_words_too(settings, nothing_else=len(unsearched) == len(embedded.generations))
    otherwise = STORELESS if request.mode is Mode.DENSE else STORELESS_WORDS
    bases: dict[str, list[IndexGeneration]] = defaultdict(list)
    for one in embedded.generations:
        if one.pk in errors:
            bases[otherwise if one.pk in unsearched else BY_POSTGRESQL].append(one)
    degraded = tuple(
        Degradation(DegradedStep.DENSE, errors[ones[0].pk], tuple(one.knowledge_base_id for one in ones), how)
        for how, ones in bases.items()
    )
    return replace(embedded, settings=settings, degraded=embedded.degraded + degraded)


def _settings_left(request: SearchRequest, settings: RetrievalSettings, questions: Questions) -> RetrievalSettings:
    """How to search with the vectors there are. A request for meaning alone does not fall back to words."""
    if not questions.failures or request.mode is Mode.DENSE:
        return settings
    return _by_words_too(settings, nothing_else=not questions.embedded)


def _by_words_too(settings: RetrievalSettings, *, nothing_else: bool) -> RetrievalSettings:
    """The settings where some knowledge bases, or all, can't be searched by meaning."""
    if nothing_else:
        return replace(settings, mode=Mode.LEXICAL)
    if settings.mode is Mode.DENSE:
        # Meaning where it can be searched for, words where it can't, and nothing else.
        return replace(settings, mode=Mode.HYBRID, fusion=Fusion.CONVEX, weight=1.0, names=0.0, same_page=1.0)
    return settings


def _legs(where: SearchSpace, embedded: _EmbeddedRequest, timings: Timings) -> Legs:
    """What the legs of the mode found."""
    dense, lexical = [], None
    if embedded.settings.mode is not Mode.LEXICAL:
        with timings.step("dense"):
            dense = dense_leg(where, embedded.questions)
    if embedded.settings.mode is not Mode.DENSE:
        with timings.step("lexical"):
            lexical = lexical_leg(where, embedded.request.text)
    with timings.step("fuse"):
        return legs_completed(where, dense, lexical)


def _similarities(request: SearchRequest, found: Sequence[Passage], where: SearchSpace) -> Similarities | None:
    """How like each other the passages are, where they shall differ."""
    if not request.diversity:
        return None
    return chunk_similarities([one.chunk_id for one in found], scope=where.scope, generations=where.generations)


def _reranked(
    request: SearchRequest, scope: AccessScope, found: Sequence[Passage], deadline: Deadline, timings: Timings
) -> RerankResult:
    if not request.rerank:
        return RerankResult(tuple(found))
    most = SearchSettings.current(scope.place).reranked
    with timings.step("rerank"):
        return rerank_passages(request.text, found, model=reranker_required(), deadline=deadline, most=most)


def _best(ranked: Sequence[RankedChunk], request: SearchRequest) -> list[RankedChunk]:
    """Those whose score is high enough."""
    least = request.threshold
    return [one for one in ranked if least is None or one.score >= least]
