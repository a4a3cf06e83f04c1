from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline, Purpose, TextRole, embed, rerank, using_transport
from apps.models.gateway import calls as transports
from apps.models.gateway.fake import FakeTransport
from apps.models.gateway.local import LocalTransport
from apps.models.gateway.queue import QueueTransport
from apps.models.installed_model import EmbeddingModel, InstalledModel, ModelKind
from apps.models.priority import Priority
from ragsite.core.audience import Client, ClientLeft, working_for
from ragsite.core.errors import ConfigurationError, ModelUnavailableError
from ragsite.core.ids import new_id

MODEL = EmbeddingModel(new_id(), "any", Path("/nowhere"), "0" * 64, max_tokens=16, dimensions=16)


class NarrowTransport(FakeTransport):
    """Answers vectors of half the width that was asked for."""

    def embed(self, *args: object, **kwargs: object) -> np.ndarray:
        return super().embed(*args, **kwargs)[:, :8]  # type: ignore[arg-type]


class InfiniteTransport(FakeTransport):
    """Answers a number that is not finite."""

    def embed(self, *args: object, **kwargs: object) -> np.ndarray:
        return super().embed(*args, **kwargs) * np.float32("inf")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "kind"), [("queue", QueueTransport), ("local", LocalTransport), ("fake", FakeTransport)]
)
def test_the_setting_names_the_transport(settings: object, name: str, kind: type) -> None:
    settings.RAGSITE_MODEL_TRANSPORT = name  # type: ignore[attr-defined]

    assert type(transports.current_transport()) is kind


def test_a_transport_is_made_once_so_that_its_breaker_remembers() -> None:
    with using_transport("queue"):
        assert transports.current_transport() is transports.current_transport()


def test_a_process_may_choose_another_for_a_while(settings: object) -> None:
    settings.RAGSITE_MODEL_TRANSPORT = "queue"  # type: ignore[attr-defined]

    with using_transport("local"):
        with using_transport("fake"):
            assert type(transports.current_transport()) is FakeTransport
        assert type(transports.current_transport()) is LocalTransport

    assert type(transports.current_transport()) is QueueTransport


def test_an_unknown_transport_is_refused_by_name(settings: object) -> None:
    settings.RAGSITE_MODEL_TRANSPORT = "carrier pigeon"  # type: ignore[attr-defined]

    with pytest.raises(ConfigurationError, match="carrier pigeon"):
        transports.current_transport()
    with pytest.raises(ConfigurationError, match="owl"), using_transport("owl"):
        pass


@pytest.mark.parametrize("transport", [NarrowTransport, InfiniteTransport])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_an_answer_that_is_no_embedding_goes_no_further(
    monkeypatch: pytest.MonkeyPatch, transport: type[FakeTransport]
) -> None:
    monkeypatch.setitem(transports.TRANSPORTS, "spoiled", transport)

    with using_transport("spoiled"), pytest.raises(ModelUnavailableError) as refused:
        embed(["text"], role=TextRole.QUERY, model=MODEL, purpose=Purpose.QUERY, deadline=Deadline.after(5))

    transports._made.pop("spoiled")
    assert refused.value.error_code == "invalid_embedding"


def test_a_call_for_a_client_that_left_reaches_no_transport_and_counts_as_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Untouched:
        def run(self, call: object) -> np.ndarray:
            raise AssertionError("a model was asked")

    monkeypatch.setitem(transports.TRANSPORTS, "untouched", Untouched)
    client = Client()
    client.has_left = True

    with using_transport("untouched"), working_for(client), pytest.raises(ClientLeft):
        embed(["text"], role=TextRole.QUERY, model=MODEL, purpose=Purpose.QUERY, deadline=Deadline.after(5))


def test_a_late_call_reaches_no_transport() -> None:
    with using_transport("fake"), pytest.raises(DeadlineExceededError):
        embed(["text"], role=TextRole.QUERY, model=MODEL, purpose=Purpose.QUERY, deadline=Deadline.after(-1))


def test_indexing_gives_way_to_people_who_wait() -> None:
    assert {purpose: (purpose.queue, purpose.priority) for purpose in Purpose} == {
        Purpose.INDEX: ("embedding", Priority.BULK),
        Purpose.QUERY: ("retrieval", Priority.INTERACTIVE),
        Purpose.ANSWER: ("generation", Priority.INTERACTIVE),
    }


def test_the_gateway_and_the_registry_load_no_model_library() -> None:
    program = (
        "import django, sys; django.setup(); import apps.models.gateway, apps.models.services.registry;"
        "print(sorted({'torch', 'transformers', 'tokenizers', 'huggingface_hub'} & set(sys.modules)))"
    )

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert loaded.stdout.strip() == "[]"


RERANKER = InstalledModel(new_id(), "cross", Path("/nowhere"), "0" * 64, 16, ModelKind.RERANKING)


class OddReranker(FakeTransport):
    """Answers scores that are none."""

    def __init__(self, scores: np.ndarray) -> None:
        self._scores = scores

    def run(self, call: object) -> np.ndarray:
        return self._scores


def test_the_fake_reranks_by_the_words_a_text_shares_with_the_query() -> None:
    with using_transport("fake"):
        scores = rerank(
            "rent of the flat", ["The rent.", "Rent of the flat", ""],
            model=RERANKER, purpose=Purpose.QUERY, deadline=Deadline.after(9),
        )  # fmt: skip
    assert scores.tolist() == [0.5, 1.0, 0.0]


def test_reranking_nothing_asks_nobody() -> None:
    with using_transport("queue"):
        scores = rerank("rent", [], model=RERANKER, purpose=Purpose.QUERY, deadline=Deadline.after(9))
    assert scores.shape == (0,)


@pytest.mark.parametrize("odd", [np.array([[1.0]]), np.array([1.0, 2.0]), np.array([[1.0], [np.nan]])])
def test_invalid_scores_are_refused(odd: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(transports.TRANSPORTS, "odd", lambda: OddReranker(odd))
    monkeypatch.setattr(transports, "_made", {})
    with using_transport("odd"), pytest.raises(ModelUnavailableError) as refused:
        rerank("rent", ["a", "b"], model=RERANKER, purpose=Purpose.QUERY, deadline=Deadline.after(9))
    assert refused.value.error_code == "invalid_scores"


def test_a_reranking_after_its_deadline_is_refused() -> None:
    with using_transport("fake"), pytest.raises(DeadlineExceededError):
        rerank("rent", ["a"], model=RERANKER, purpose=Purpose.QUERY, deadline=Deadline.after(-1))
