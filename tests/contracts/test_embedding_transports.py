"""What every way to a model keeps to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline, ModelCall, ModelTransport, Purpose, TextRole
from apps.models.inputs import Texts
from apps.models.installed_model import EmbeddingModel
from apps.models.selectors import embedding_model_version
from apps.models.services.registry import bundled_model_path, model_register
from tests.acting import ACTOR
from tests.contracts.transports import TRANSPORTS

pytestmark = [pytest.mark.servers, pytest.mark.weights, pytest.mark.django_db(transaction=True)]

TEXTS = [
    "The tenant must pay the rent before the fifth day of the month.",
    "short",
    "",
    "Rent is due from the tenant by the fifth day of each month.",
    "Volcanic islands form where molten rock breaks through the sea floor.",
    "naïve 東京 €5 " * 300,
]


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest, model: EmbeddingModel) -> Iterator[ModelTransport]:
    with ExitStack() as stack:
        yield TRANSPORTS[request.param](stack)


@pytest.fixture
def model(transactional_db: None) -> EmbeddingModel:
    path = bundled_model_path()
    if path is None:
        pytest.skip("the package with the weights is not installed")
    return embedding_model_version(model_register(source=path, actor=ACTOR).pk)


@pytest.fixture
def embed(transport: ModelTransport, model: EmbeddingModel) -> Callable[..., np.ndarray]:
    def embed(*texts: str, purpose: Purpose = Purpose.QUERY, seconds: float = 60.0) -> np.ndarray:
        return transport.run(ModelCall(model, Texts(texts, TextRole.DOCUMENT), purpose, Deadline.after(seconds)))

    return embed


Embed = Callable[..., np.ndarray]


@pytest.mark.parametrize("purpose", list(Purpose))
def test_vectors_are_float32_of_the_models_width_and_length_one(embed: Embed, purpose: Purpose) -> None:
    vectors = embed(*TEXTS, purpose=purpose)

    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_the_order_of_the_texts_is_kept(embed: Embed) -> None:
    together = embed(*TEXTS)

    alone = np.vstack([embed(text) for text in TEXTS])

    assert (together * alone).sum(axis=1).min() > 0.999
    assert embed(*reversed(TEXTS))[::-1] == pytest.approx(together, abs=0.02)


def test_no_texts_give_no_rows(embed: Embed) -> None:
    vectors = embed()

    assert vectors.dtype == np.float32
    assert vectors.shape == (0, 384)


def test_the_same_call_gives_the_same_vectors(embed: Embed) -> None:
    assert embed(*TEXTS).tobytes() == embed(*TEXTS).tobytes()


def test_texts_that_say_the_same_are_closer_than_others(embed: Embed) -> None:
    rent, same, islands = embed(TEXTS[0], TEXTS[3], TEXTS[4])

    assert rent @ same > rent @ islands + 0.2


def test_a_call_after_its_deadline_is_refused(embed: Embed) -> None:
    with pytest.raises(DeadlineExceededError):
        embed("late", seconds=-1)
