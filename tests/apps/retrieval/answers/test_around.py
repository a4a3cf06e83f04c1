"""A language model reads what stands around the passages, of the same version and no other; whoever quotes does not."""

from __future__ import annotations

from typing import Any

import pytest

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.documents.services.documents import document_delete
from apps.models.gateway import calls
from apps.retrieval.answers.around import surroundings_read
from apps.retrieval.answers.extractive.generator import ExtractiveGenerator
from apps.retrieval.answers.language import LanguageModelGenerator
from apps.retrieval.answers.materials import material_of
from apps.retrieval.pipeline import draft, retrieve, settle
from apps.retrieval.search.request import SearchRequest
from apps.retrieval.search.retrieval import Retrieval
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.answers.test_language import MODEL, Saying

pytestmark = pytest.mark.django_db

QUESTION = "How many berths for guests has the harbour?"
BESIDE = "The pier was built of oak in the year 1887."
RULES = (
    "The office of the harbour master opens early every day. "
    "The harbour has 42 berths for guests in all of summer. "
    f"{BESIDE} "
    "Dogs are kept on a lead from the gate to the boats."
)


@pytest.fixture
def base() -> KnowledgeBase:
    return make.knowledge_base(chunking={"strategy": "sentence", "size": 16, "overlap": 0})


@pytest.fixture
def rules(base: KnowledgeBase) -> DocumentVersion:
    return make.ready_version(base, RULES)


@pytest.fixture
def found(rules: DocumentVersion) -> Retrieval:
    scope = make.scope(rules.document.knowledge_base)
    return retrieve(SearchRequest(QUESTION, top_k=1), scope=scope, deadline=make.soon())


def test_the_text_around_a_passage_is_that_of_its_version(found: Retrieval, rules: DocumentVersion) -> None:
    (passage,) = found.passages
    around = surroundings_read(found.passages, found.scope)[passage.chunk_id]
    assert (len(around.neighbours), BESIDE in around.text, BESIDE in passage.text) == (2, True, False)
    assert rules.parsed.text[around.start : around.end] == around.text
    assert around.first.start == around.start < passage.start < passage.end < around.end


@pytest.mark.parametrize("hide", ["delete", "restrict", "scope"])
def test_what_may_not_be_read_any_more_is_not_around(found: Retrieval, rules: DocumentVersion, hide: str) -> None:
    scope = found.scope
    if hide == "delete":
        document_delete(document=rules.document, actor=ACTOR)
    elif hide == "restrict":
        Document.objects.update(restricted=True)
    else:
        scope = make.scope(make.knowledge_base())
    around = surroundings_read(found.passages, scope)
    assert not any(one.neighbours or BESIDE in one.text for one in around.values())


def test_a_neighbour_is_told_and_quoted_with_its_exact_span(
    found: Retrieval, rules: DocumentVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Saying(f"{BESIDE} [1]")
    monkeypatch.setattr(calls, "current_transport", lambda: model)
    answer = settle(found, draft(found, deadline=make.soon(), generators=[LanguageModelGenerator(MODEL)]), actor=ACTOR)
    (call,) = model.calls
    told: Any = call.inputs
    assert f'<passage number="1">\n{RULES[: RULES.index(" Dogs")]}\n</passage>' in told.messages[1].content
    (citation,) = answer.citations.all()
    assert (citation.version_id, citation.quote) == (rules.pk, BESIDE)
    assert rules.parsed.text[citation.start : citation.end] == BESIDE
    assert [(one["start"], one["end"]) for one in answer.passages] == [(one.start, one.end) for one in found.passages]


def test_who_quotes_is_given_passages_alone(found: Retrieval) -> None:
    material = material_of(found)
    assert (material.passages, material.readable, material.around) == (found.passages, (), {})
    assert BESIDE not in "".join(
        piece.text
        for piece in draft(found, deadline=make.soon(), generators=[ExtractiveGenerator()])
        if hasattr(piece, "text")
    )
