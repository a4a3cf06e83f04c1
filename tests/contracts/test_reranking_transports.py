"""What every way to a reranker keeps to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline, ModelCall, ModelTransport, Purpose
from apps.models.gateway.fake import FakeTransport
from apps.models.inputs import QueryTexts
from apps.models.installed_model import InstalledModel
from apps.models.selectors import installed_model
from apps.models.services.registry import model_register
from ragsite.core.errors import ModelNotFoundError
from ragsite.core.ids import new_id
from tests.acting import ACTOR
from tests.apps.models.making import cross_encoder_make
from tests.contracts.transports import TRANSPORTS

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

QUERY = "When does the tenant pay the rent?"
TEXTS = [
    "The tenant pays the rent on the first day of each month.",
    "short",
    "",
    "Water boils at one hundred degrees at the level of the sea.",
    "naïve 東京 €5 " * 300,
]
Rerank = Callable[..., np.ndarray]


@pytest.fixture
def model(transactional_db: None, tmp_path: Path) -> InstalledModel:
    return installed_model(model_register(source=cross_encoder_make(tmp_path), actor=ACTOR))


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest, model: InstalledModel) -> Iterator[ModelTransport]:
    with ExitStack() as stack:
        yield TRANSPORTS[request.param](stack)


@pytest.fixture
def rerank(transport: ModelTransport, model: InstalledModel) -> Rerank:
    def rerank(*texts: str, purpose: Purpose = Purpose.QUERY, seconds: float = 60.0) -> np.ndarray:
        call = ModelCall(model, QueryTexts(QUERY, texts), purpose, Deadline.after(seconds))
        return transport.run(call)

    return rerank


def assert_near(scores: np.ndarray, expected: np.ndarray) -> None:
    """A network in half precision scores a text a little differently in another batch: by little of what parts the texts."""
    assert np.sqrt(((scores - expected) ** 2).mean()) < 0.35 * expected.std()


@pytest.mark.parametrize("purpose", list(Purpose))
def test_there_is_a_finite_float32_score_for_each_text(rerank: Rerank, purpose: Purpose) -> None:
    scores = rerank(*TEXTS, purpose=purpose)
    assert scores.dtype == np.float32
    assert scores.shape == (len(TEXTS), 1)
    assert np.isfinite(scores).all()


def test_the_order_of_the_texts_is_kept(rerank: Rerank) -> None:
    together = rerank(*TEXTS)
    assert_near(np.concatenate([rerank(text) for text in TEXTS]), together)
    assert_near(rerank(*reversed(TEXTS))[::-1], together)


def test_texts_are_distinguished(rerank: Rerank) -> None:
    assert len(set(rerank(*TEXTS[:4])[:, 0].round(3).tolist())) > 1


def test_no_texts_give_no_scores(rerank: Rerank) -> None:
    assert rerank().shape == (0, 1)


def test_the_same_call_gives_the_same_scores(rerank: Rerank) -> None:
    assert rerank(*TEXTS).tobytes() == rerank(*TEXTS).tobytes()


def test_a_call_after_its_deadline_is_refused(rerank: Rerank) -> None:
    with pytest.raises(DeadlineExceededError):
        rerank("late", seconds=-1)


def test_a_model_that_is_not_there_is_refused_in_words(transport: ModelTransport, model: InstalledModel) -> None:
    if isinstance(transport, FakeTransport):
        pytest.skip("the fake has no models")
    gone = replace(model, version_id=new_id(), path=Path("/nowhere"))
    with pytest.raises(ModelNotFoundError):
        transport.run(ModelCall(gone, QueryTexts(QUERY, ("text",)), Purpose.QUERY, Deadline.after(60)))
