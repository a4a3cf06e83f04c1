"""A model that does not answer: what becomes of the knowledge bases that use it, and of the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.documents.models import KnowledgeBase
from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline
from apps.models.gateway.fake import FakeTransport
from apps.models.installed_model import EmbeddingModel
from apps.models.services.registry import model_make_default, model_register
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError, RagError
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.models.conftest import checkpoint_make

pytestmark = pytest.mark.django_db

QUESTION = "How many berths has the harbour?"
TEXTS = ["The harbour has 42 berths for guests.", "A berth costs 31 euros a night.", "The office opens at seven."]
ERRORS = [
    ModelUnavailableError("No worker.", code="circuit_open"),
    ModelNotFoundError("Its files were changed.", code="model_changed"),
]
both_families = pytest.mark.parametrize("error", ERRORS, ids=["unavailable", "permanent"])


class Failing(FakeTransport):
    """Fails for models of certain names."""

    def __init__(self, error: RagError, *names: str) -> None:
        self.error, self.names = error, names

    def embed(self, texts: Any, *, model: EmbeddingModel, **rest: Any) -> Any:
        if model.name in self.names:
            raise self.error
        return super().embed(texts, model=model, **rest)


class Silent(Failing):
    """Says nothing for them until the deadline."""

    def embed(self, texts: Any, *, model: EmbeddingModel, deadline: Deadline, **rest: Any) -> Any:
        if model.name in self.names:
            threading.Event().wait(deadline.remaining())
        deadline.check("it was the model's turn")
        return super().embed(texts, model=model, deadline=deadline, **rest)


@dataclass(frozen=True, slots=True)
class World:
    """Two knowledge bases with the same texts, each with a model of its own."""

    client: Client
    failing: KnowledgeBase
    other: KnowledgeBase
    names: tuple[str, str]

    def search(self, **body: Any) -> dict[str, Any]:
        response = self.post("search", query=QUESTION, explain=True, **body)
        assert response.status_code == 200, response.content
        found: dict[str, Any] = response.json()
        return found

    def post(self, door: str, **body: Any) -> Any:
        return self.client.post(f"/api/v1/{door}", body, content_type="application/json")


@pytest.fixture
def world(tmp_path: Path) -> World:
    tenant = make.tenant()
    bases = [_filled(make.knowledge_base(of=tenant))]
    small = model_register(source=checkpoint_make(tmp_path, dimensions=24, tokens=256), name="small", actor=ACTOR)
    model_make_default(version_id=small.pk, actor=ACTOR)
    bases.append(_filled(make.knowledge_base(of=tenant)))
    client = Client(headers=make.headers(tenant))
    return World(client, *bases, names=(make.embedding_model().model.name, "small"))


def _filled(base: KnowledgeBase) -> KnowledgeBase:
    for number, text in enumerate(TEXTS):
        make.ready_version(base, text, filename=f"{number}.txt")
    return base


UseTransport = Callable[[Any], None]


def of(base: KnowledgeBase, found: dict[str, Any]) -> list[dict[str, Any]]:
    return [passage for passage in found["passages"] if passage["knowledge_base"] == str(base.pk)]


@both_families
def test_a_model_that_fails_degrades_only_the_knowledge_bases_that_use_it(
    world: World, use_transport: UseTransport, error: RagError
) -> None:
    healthy = of(world.other, world.search())
    use_transport(Failing(error, world.names[0]))

    found = world.search()

    (told,) = found["degraded"]
    assert (told["step"], told["code"], told["knowledge_bases"]) == ("embed", error.error_code, [str(world.failing.pk)])
    assert told["detail"].endswith(f"only its words were searched for. {error.sentence}")
    assert [passage["scores"]["dense"] for passage in of(world.other, found)] == [
        passage["scores"]["dense"] for passage in healthy
    ]
    by_words = of(world.failing, found)
    assert by_words[0]["text"] == TEXTS[0]
    assert {passage["scores"]["dense"] for passage in by_words} == {None}
    assert found["explanation"]["mode"] == "hybrid"


@both_families
def test_who_asks_for_meaning_alone_gets_what_the_other_models_find(
    world: World, use_transport: UseTransport, error: RagError
) -> None:
    use_transport(Failing(error, world.names[0]))

    found = world.search(mode="dense")

    assert len(of(world.other, found)) == len(found["passages"]) == len(TEXTS)
    (told,) = found["degraded"]
    assert told["knowledge_bases"] == [str(world.failing.pk)]
    assert "nothing was searched for in these knowledge bases" in told["detail"]


def test_knowledge_bases_that_are_set_to_meaning_keep_its_order_beside_one_that_goes_by_words(
    world: World, use_transport: UseTransport
) -> None:
    KnowledgeBase.objects.update(retrieval={"mode": "dense"})
    by_meaning = [passage["text"] for passage in of(world.other, world.search())]
    use_transport(Failing(ERRORS[0], world.names[0]))

    found = world.search()

    assert [passage["text"] for passage in of(world.other, found)] == by_meaning
    assert of(world.failing, found)[0]["text"] == TEXTS[0]
    assert (found["explanation"]["mode"], found["explanation"]["weight"]) == ("hybrid", 1.0)


@both_families
def test_where_every_model_fails_words_are_searched_for_everywhere(
    world: World, use_transport: UseTransport, error: RagError
) -> None:
    use_transport(Failing(error, *world.names))

    found = world.search()

    assert found["explanation"]["mode"] == "lexical"
    assert {passage["knowledge_base"] for passage in found["passages"]} == {str(world.failing.pk), str(world.other.pk)}
    assert [told["knowledge_bases"] for told in found["degraded"]] == [[str(world.failing.pk)], [str(world.other.pk)]]


def test_a_search_by_meaning_alone_that_no_model_answers_fails_with_the_models_error(
    world: World, use_transport: UseTransport
) -> None:
    use_transport(Failing(ERRORS[1], *world.names))

    response = world.post("search", query=QUESTION, mode="dense")

    assert (response.status_code, response.json()["code"]) == (404, "model_changed")


def test_the_silence_of_one_model_takes_no_time_of_another(
    world: World, use_transport: UseTransport, settings: Any
) -> None:
    settings.RAGSITE_SEARCH_SECONDS = 1.5
    use_transport(Silent(DeadlineExceededError("Too late."), world.names[0]))

    found = world.search()

    assert [told["knowledge_bases"] for told in found["degraded"]] == [[str(world.failing.pk)]]
    assert None not in {passage["scores"]["dense"] for passage in of(world.other, found)}


def test_an_answer_names_the_knowledge_bases_that_were_searched_by_words_alone(
    world: World, use_transport: UseTransport
) -> None:
    use_transport(Failing(ERRORS[0], world.names[0]))

    response = world.post("ask", question=QUESTION)

    told = response.json()["degraded"]
    assert response.status_code == 200
    assert [(one["step"], one["code"], one["knowledge_bases"]) for one in told] == [
        ("embed", "circuit_open", [str(world.failing.pk)])
    ]
