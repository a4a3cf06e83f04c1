from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline, Purpose, read, using_transport
from apps.models.gateway.calls import TRANSPORTS
from apps.models.gateway.protocol import ModelCall
from apps.models.installed_model import InstalledModel, ModelKind
from apps.models.reading import Reading
from ragsite.core.errors import ModelUnavailableError
from ragsite.core.ids import new_id

MODEL = InstalledModel(new_id(), "reader", Path("/nowhere"), "0" * 64, 64, ModelKind.READING)
QUESTION = "How many berths has the harbour?"


class Saying:
    """A model that answers with these rows."""

    def __init__(self, *rows: tuple[float, ...]) -> None:
        self.rows = np.array(rows, dtype=np.float32)
        self.calls: list[ModelCall] = []

    def run(self, call: ModelCall) -> np.ndarray:
        self.calls.append(call)
        return self.rows


def asked(monkeypatch: pytest.MonkeyPatch, saying: Saying, *passages: str, seconds: float = 60) -> tuple[Reading, ...]:
    monkeypatch.setitem(TRANSPORTS, "saying", lambda: saying)
    monkeypatch.setattr("apps.models.gateway.calls._made", {})
    told: dict[str, Any] = {"model": MODEL, "purpose": Purpose.ANSWER, "deadline": Deadline.after(seconds)}
    with using_transport("saying"):
        return read(QUESTION, passages, **told)


def test_each_passage_has_its_reading_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(monkeypatch, Saying((4, 6, 5.5, 1.5), (0, 0, 2, 2)), "has 42 berths", "")

    assert found == (Reading(4, 6, 5.5, 1.5), Reading(0, 0, 2.0, 2.0))
    assert [one.answers(0.0) for one in found] == [True, False]


def test_a_span_has_no_blanks_at_its_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = asked(monkeypatch, Saying((3, 7, 1, 0)), "has 42 berths")

    assert (found.start, found.end) == (4, 6)


@pytest.mark.parametrize(
    "row", [(0, 99, 1, 0), (5, 2, 1, 0), (-1, 2, 1, 0), (0, 1, np.nan, 0), (0, 1, 1)], ids=str
)  # fmt: skip
def test_what_is_no_span_of_the_passage_is_no_reading(monkeypatch: pytest.MonkeyPatch, row: tuple[float, ...]) -> None:
    with pytest.raises(ModelUnavailableError) as refused:
        asked(monkeypatch, Saying(row), "has 42 berths")

    assert refused.value.error_code == "invalid_readings"


def test_no_model_is_asked_for_nothing_or_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    saying = Saying()
    assert asked(monkeypatch, saying) == ()
    with pytest.raises(DeadlineExceededError):
        asked(monkeypatch, saying, "has 42 berths", seconds=-1)

    assert saying.calls == []


def test_the_fake_finds_what_the_question_lacks_where_most_of_it_is_said() -> None:
    with using_transport("fake"):
        found = read(
            QUESTION, ["The harbour has many 42 berths", "It is old"], model=MODEL, purpose=Purpose.ANSWER,
            deadline=Deadline.after(60),
        )  # fmt: skip

    assert [(one.start, one.end, one.answers(0.0)) for one in found] == [(21, 23, True), (0, 2, False)]
