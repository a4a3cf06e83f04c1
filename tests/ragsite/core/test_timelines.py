from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from apps.documents.lifecycle.timelines import version_timeline
from apps.documents.models import StageOutcome, StageRecord
from apps.retrieval.search.timing import Timings
from ragsite.core.admin.waterfalls import waterfall_rows
from ragsite.core.errors import ConflictError
from ragsite.core.timelines import MOST_MARKS, Mark, MarkKind, mark_kept, marks_placed, marks_record

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGUN + timedelta(seconds=seconds)


def test_marks_are_kept_in_their_order_by_when_they_began_after_the_first() -> None:
    marks = [Mark("embed", MarkKind.STEP, 10.5, 250.0), Mark("scope", MarkKind.STEP, 10.0, 100.04)]
    record = marks_record(marks)
    assert record == [
        {"name": "scope", "kind": "step", "at": 0.0, "milliseconds": 100.0},
        {"name": "embed", "kind": "step", "at": 500.0, "milliseconds": 250.0},
    ]
    first, second = marks_placed(json.loads(json.dumps(record)))
    assert (first.x, first.width, second.x, second.width) == ("0.0", "133.3", "666.7", "333.3")
    assert len(marks_record(marks * MOST_MARKS)) == MOST_MARKS


def test_bars_stay_on_the_line_and_can_be_seen_however_short() -> None:
    record = marks_record([Mark("a", MarkKind.STEP, 0, 0), Mark("b", MarkKind.STEP, 5, 0)])
    assert [(one.x, one.width) for one in marks_placed(record)] == [("0.0", "2.0"), ("998.0", "2.0")]
    assert marks_placed([]) == []


def test_a_step_in_pieces_is_one_mark_and_a_call_within_is_another_also_where_it_failed() -> None:
    timings = Timings()
    for _ in range(3):
        with timings.piece("generate"), mark_kept("chat tiny", MarkKind.MODEL):
            pass
    with pytest.raises(ConflictError), timings.step("rerank"), mark_kept("reranking tiny", MarkKind.MODEL):
        raise ConflictError("a text of a document")
    with mark_kept("outside", MarkKind.MODEL):
        pass
    assert [(one.name, one.failed) for one in timings.marks] == [
        ("generate", ""), ("rerank", ""), *[("chat tiny", "")] * 3, ("reranking tiny", "conflict"),
    ]  # fmt: skip
    generate = timings.marks[0]
    assert generate.ended >= timings.marks[4].begun


def test_a_version_waits_is_tried_and_is_worked_on_and_a_stage_that_failed_says_so() -> None:
    parse = StageRecord(
        stage="parse", attempts=1, outcome=StageOutcome.DONE, begun_at=at(2), started_at=at(2), finished_at=at(3)
    )
    chunk = StageRecord(
        stage="chunk", attempts=3, outcome=StageOutcome.FAILED, error_code="too_large", begun_at=at(4), started_at=at(9),
        finished_at=at(10),
    )  # fmt: skip
    version: Any = SimpleNamespace(created_at=at(0), stages=SimpleNamespace(all=lambda: [chunk, parse]))
    timeline = version_timeline(version, now=at(20))
    assert [(one["name"], one["kind"], one["at"], one["milliseconds"]) for one in timeline] == [
        ("parse", "wait", 0.0, 2000.0), ("parse", "step", 2000.0, 1000.0), ("chunk", "wait", 3000.0, 1000.0),
        ("chunk", "try", 4000.0, 5000.0), ("chunk", "step", 9000.0, 1000.0),
    ]  # fmt: skip
    assert timeline[-1]["failed"] == "too_large"
    running = StageRecord(stage="parse", outcome=StageOutcome.RUNNING, started_at=at(2))
    version.stages = SimpleNamespace(all=lambda: [running])
    assert version_timeline(version, now=at(20))[-1]["milliseconds"] == 18_000.0


def test_rows_of_a_page_have_words_for_who_does_not_see_bars() -> None:
    record = marks_record([Mark("scope", MarkKind.STEP, 0, 1.27), Mark("embeddings tiny", MarkKind.MODEL, 1, 2500)])
    first, second = waterfall_rows(record, {"scope": "Look at the rights"})
    assert (first.title, first.took, first.kind_words) == ("Look at the rights", "1.3 ms", "Work")
    assert (second.title, second.at, second.took, second.kind_words) == (
        "embeddings tiny", "1.00 s", "2.50 s", "Call of a model",
    )  # fmt: skip
