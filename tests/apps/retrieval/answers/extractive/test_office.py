"""What people ask of a small office's documents, answered by the whole read path without a language model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.documents.models import KnowledgeBase
from apps.models.gateway import using_transport
from apps.retrieval.models import Answer
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.answers.extractive.office import ANSWERED, DOCUMENTS, UNANSWERED

pytestmark = [pytest.mark.django_db, pytest.mark.weights]

NOT_FOUND_YET = {"How much may a hotel room cost in Portugal?", "Why did the order system fail?"}
"""Their documents say it in other words than the question."""

ANSWERED_WRONGLY = {"How many days of leave do students have?", "What is the population of Sweden?"}
"""The documents say something very like it of something else."""


@pytest.fixture
def office() -> Iterator[KnowledgeBase]:
    base = make.knowledge_base()
    with using_transport("local"):
        for path in DOCUMENTS:
            make.upload(base, path.read_text(), filename=path.name)
        make.run_stages()
        yield base


def asked(question: str, base: KnowledgeBase) -> Answer:
    return ask(SearchRequest(question), scope=make.scope(base), actor=ACTOR, deadline=make.soon())


def test_the_first_sentence_or_row_is_what_was_asked_for_and_nothing_is_made_up(office: KnowledgeBase) -> None:
    firsts = {question: asked(question, office).statements[:1] for question, _ in ANSWERED}
    missed = {question for question, wanted in ANSWERED if not any(wanted in one["text"] for one in firsts[question])}
    assert missed == NOT_FOUND_YET, {question: firsts[question] for question in missed}
    assert {question for question in UNANSWERED if asked(question, office).found} == ANSWERED_WRONGLY
