"""What every way to a reader keeps to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline, ModelCall, ModelTransport, Purpose
from apps.models.inputs import QueryTexts
from apps.models.installed_model import InstalledModel
from apps.models.reading import READING_WIDTH, readings_of
from apps.models.selectors import installed_model
from apps.models.services.registry import model_register
from ragsite.core.errors import ModelNotFoundError
from ragsite.core.ids import new_id
from tests.acting import ACTOR
from tests.apps.models.making import reader_make
from tests.contracts.transports import TRANSPORTS

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

QUESTION = "When does the tenant pay the rent?"
PASSAGES = [
    "The tenant pays the rent on the first day of each month.",
    "short",
    "",
    "Water boils at one hundred degrees at the level of the sea.",
    "naïve 東京 €5 " * 300,
]
OF_OUR_OWN = [name for name in TRANSPORTS if name != "http"]
"""No server offers readers."""

WITH_MODELS = [name for name in OF_OUR_OWN if name != "fake"]

Read = Callable[..., np.ndarray]


@pytest.fixture
def model(transactional_db: None, tmp_path: Path) -> InstalledModel:
    return installed_model(model_register(source=reader_make(tmp_path), actor=ACTOR))


@pytest.fixture(params=OF_OUR_OWN)
def transport(request: pytest.FixtureRequest, model: InstalledModel) -> Iterator[ModelTransport]:
    with ExitStack() as stack:
        yield TRANSPORTS[request.param](stack)


@pytest.fixture
def read(transport: ModelTransport, model: InstalledModel) -> Read:
    def read(*passages: str, purpose: Purpose = Purpose.ANSWER, seconds: float = 60.0) -> np.ndarray:
        return transport.run(ModelCall(model, QueryTexts(QUESTION, passages), purpose, Deadline.after(seconds)))

    return read


def test_there_is_a_span_within_each_passage_and_two_finite_scores(read: Read) -> None:
    rows = read(*PASSAGES)

    assert (rows.dtype, rows.shape) == (np.float32, (len(PASSAGES), READING_WIDTH))
    assert np.isfinite(rows).all()
    assert [one.start < one.end for one in readings_of(rows, PASSAGES)] == [True, True, False, True, True]


def test_the_order_of_the_passages_is_kept(read: Read) -> None:
    assert len({tuple(row) for row in read(*PASSAGES).round(3).tolist()}) > 1
    assert read(*PASSAGES)[::-1][:, 2:] == pytest.approx(read(*reversed(PASSAGES))[:, 2:], abs=0.5)


def test_the_same_call_reads_the_same(read: Read) -> None:
    assert read(*PASSAGES).tobytes() == read(*PASSAGES).tobytes()


def test_no_passages_have_no_readings(read: Read) -> None:
    assert read().shape == (0, READING_WIDTH)


def test_a_call_after_its_deadline_is_refused(read: Read) -> None:
    with pytest.raises(DeadlineExceededError):
        read("late", seconds=-1)


@pytest.mark.parametrize("transport", WITH_MODELS, indirect=True)
def test_a_model_that_is_not_there_is_refused_in_words(transport: ModelTransport, model: InstalledModel) -> None:
    gone = replace(model, version_id=new_id(), path=Path("/nowhere"))
    with pytest.raises(ModelNotFoundError):
        transport.run(ModelCall(gone, QueryTexts(QUESTION, ("text",)), Purpose.ANSWER, Deadline.after(60)))
