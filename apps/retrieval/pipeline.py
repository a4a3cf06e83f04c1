"""How a question flows: scope, embed, search, fuse, context, generate, cite, save, respond. Run by the web process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.documents.access import AccessScope
from apps.documents.reading import reading_as
from apps.models.gateway import Deadline
from apps.retrieval.citations import citations_verify
from apps.retrieval.context import context_build
from apps.retrieval.generation.extractive import ExtractiveGenerator
from apps.retrieval.generation.types import Draft, Generator, Question
from apps.retrieval.models import Answer, IndexGeneration
from apps.retrieval.passages import Passage
from apps.retrieval.questions import questions_embed
from apps.retrieval.search.dense import SearchPlan, dense_search, generations_in_scope
from apps.retrieval.search.fusion import fuse_by_score
from apps.retrieval.services.answers import AnswerRecord, answer_save
from apps.retrieval.timing import Timings
from ragsite.core.database import connection_release


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Passages best first, how each generation was searched, and how long each step took."""

    questions: tuple[Question, ...]
    passages: tuple[Passage, ...]
    plans: dict[int, SearchPlan]
    timings: Timings = field(default_factory=Timings)


def search(
    text: str, *, scope: AccessScope, top_k: int, deadline: Deadline, generation: IndexGeneration | None = None
) -> SearchResult:
    """The `top_k` passages nearest to the text that the scope allows, from the live generations or the named one.

    Raises:
        ModelUnavailableError: no model worker answered before the deadline.
    """
    timings = Timings()
    with timings.step("scope"):
        generations = generations_in_scope(scope) if generation is None else [generation]
    with timings.step("embed"):
        questions = questions_embed(text, generations, deadline=deadline)
    with timings.step("search"):
        found = {
            g.pk: dense_search(scope, generation=g, vector=questions[g.pk].vector, limit=top_k) for g in generations
        }
    with timings.step("fuse"):
        passages = fuse_by_score([result.passages for result in found.values()], limit=top_k)
    plans = {pk: result.plan for pk, result in found.items()}
    return SearchResult(tuple(questions.values()), passages, plans, timings)


def ask(text: str, *, scope: AccessScope, asked_by: str, top_k: int, deadline: Deadline) -> Answer:
    """Answer a question from the documents that the scope allows; every claim has a citation that was checked.

    Raises:
        ModelUnavailableError: no model worker answered before the deadline.
    """
    found = search(text, scope=scope, top_k=top_k, deadline=deadline)
    generator = generator_default()
    with found.timings.step("context"):
        context = context_build(found.passages)
    with found.timings.step("generate"):
        draft = _generate(generator, found.questions, context, deadline)
    with found.timings.step("cite"), reading_as(scope):
        checked = citations_verify(draft)
    return answer_save(AnswerRecord(text, scope, asked_by, checked, len(context), found.timings.milliseconds))


def generator_default() -> Generator:
    """The generator in use: without a language model, the extractive one."""
    return ExtractiveGenerator()


def _generate(
    generator: Generator, questions: Sequence[Question], context: Sequence[Passage], deadline: Deadline
) -> Draft:
    if not context:
        return Draft(generator.name, ())
    connection_release()
    return generator.generate(questions[0], context, deadline=deadline)
