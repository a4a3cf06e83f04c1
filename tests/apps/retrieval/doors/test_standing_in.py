"""Answers of a language model: made anew by another one, and standing in for one that is down."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.documents.models import KnowledgeBase
from apps.models.gateway.fake import FakeTransport
from apps.models.generation import Finish, GeneratedText, GenerationEnd
from apps.models.installed_model import InstalledModel, ModelKind
from apps.retrieval import pipeline
from apps.retrieval.answers.cache import keys, store
from ragsite.core.dynamic.flags import STAND_IN
from ragsite.core.errors import ModelUnavailableError
from ragsite.core.ids import new_id
from tests import factories as make
from tests.apps.retrieval.doors.recalled import ask, is_hit
from tests.dynamic import Switched, both_states

pytestmark = pytest.mark.django_db

SENTENCE = "The harbour has 42 berths for guests."


@pytest.fixture(autouse=True)
def _cache(settings: Any) -> Iterator[None]:
    settings.RAGSITE_ANSWER_CACHE_SECONDS = 600
    yield
    store.PROCESS.clear()


@pytest.fixture
def base() -> KnowledgeBase:
    return make.ready_version().document.knowledge_base


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    return make.client(base.tenant)


class Saying(FakeTransport):
    """A language model that says one sentence, until it fails."""

    failure: ModelUnavailableError | None = None

    def stream(self, call: Any) -> Iterator[Any]:
        if self.failure:
            raise self.failure
        yield GeneratedText(f"{SENTENCE} [1]")
        yield GenerationEnd(Finish.STOP, 5, 7)


@pytest.fixture
def write_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes a new language model the one in use."""

    def use() -> None:
        model = InstalledModel(new_id(), "writer", Path("/nowhere"), "0" * 64, 4096, ModelKind.GENERATION)
        for module in (pipeline, keys):
            monkeypatch.setattr(module, "writer_in_use", lambda: model)

    use()
    return use


def test_an_answer_stands_in_for_a_model_that_is_down_as_long_as_the_documents_are_the_same(
    client: Client, base: KnowledgeBase, write_by: Callable[[], None], use_transport: Callable[[Any], None]
) -> None:
    transport = Saying()
    use_transport(transport)
    first = ask(client)
    assert first["generator"] == "language_model"
    write_by()
    transport.failure = ModelUnavailableError("No worker.")
    stand_in = ask(client)
    assert (stand_in["generator"], stand_in["answer"], stand_in["model"]) == ("cache", SENTENCE, first["model"])
    (why,) = stand_in["degraded"]
    assert why["code"] == "model_unavailable"
    assert re.search(r"wrote \d+ seconds? ago", why["detail"])
    assert ask(client, cache=False)["generator"] == "extractive"
    make.ready_version(base)
    assert ask(client)["generator"] == "extractive"


@both_states(STAND_IN)
def test_a_kept_answer_stands_in_only_while_the_flag_is_on(
    client: Client,
    base: KnowledgeBase,
    write_by: Callable[[], None],
    use_transport: Callable[[Any], None],
    switched: Switched,
) -> None:
    transport = Saying()
    use_transport(transport)
    ask(client)
    write_by()
    transport.failure = ModelUnavailableError("No worker.")
    with switched:
        assert ask(client)["generator"] == ("cache" if switched.on else "extractive")


def test_what_a_model_wrote_comes_before_what_a_reader_finds(
    client: Client, write_by: Callable[[], None], use_transport: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = InstalledModel(new_id(), "reader", Path("/nowhere"), "0" * 64, 64, ModelKind.READING)
    monkeypatch.setattr(pipeline, "reader_default", lambda: reader)
    transport = Saying()
    use_transport(transport)
    ask(client)
    transport.failure = ModelUnavailableError("No worker.")
    write_by()
    assert ask(client)["generator"] == "cache"


def test_another_model_answers_anew(
    client: Client, write_by: Callable[[], None], use_transport: Callable[[Any], None]
) -> None:
    use_transport(Saying())
    ask(client)
    assert is_hit(ask(client))
    write_by()
    assert not is_hit(ask(client))
