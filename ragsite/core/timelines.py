"""What happened when, of one piece of work: kept with its result, and drawn as bars on a common line of time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ragsite.core.errors import RagError

MOST_MARKS = 100
"""Of one piece of work; those that come after are left out."""

DRAWN = 1000
"""The width of a drawing, in its own units."""

NARROWEST = 2.0


class MarkKind(StrEnum):
    """`wait`: nothing was done yet. `try`: what was done failed, and was done again."""

    STEP = "step"
    MODEL = "model"
    WAIT = "wait"
    TRY = "try"


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of the work: from when in epoch seconds, how long, and by which code it failed, if it did."""

    name: str
    kind: MarkKind
    begun: float
    milliseconds: float
    failed: str = ""

    @property
    def ended(self) -> float:
        return self.begun + self.milliseconds / 1000

    def with_more(self, later: Mark) -> Mark:
        """The two as one, from the beginning of this one to the end of the later."""
        return replace(self, milliseconds=(later.ended - self.begun) * 1000, failed=later.failed)


@dataclass(frozen=True, slots=True)
class PlacedMark:
    """A mark on the line of time: milliseconds after the first one, and `x` and `width` of DRAWN."""

    name: str
    kind: MarkKind
    at: float
    milliseconds: float
    x: str
    width: str
    failed: str = ""


_kept: ContextVar[list[Mark] | None] = ContextVar("marks", default=None)


@contextmanager
def marks_kept(marks: list[Mark]) -> Iterator[None]:
    """Within the block what is marked is added to these."""
    before = _kept.get()
    _kept.set(marks)
    try:
        yield
    finally:
        _kept.set(before)


@contextmanager
def mark_kept(name: str, kind: MarkKind) -> Iterator[None]:
    """Mark what the block does, where marks are kept."""
    marks = _kept.get()
    begun, since, failed = time.time(), time.monotonic(), ""
    try:
        yield
    except RagError as error:
        failed = error.error_code
        raise
    except GeneratorExit:
        raise
    except Exception as error:
        failed = type(error).__name__
        raise
    finally:
        if marks is not None and len(marks) < MOST_MARKS:
            marks.append(Mark(name, kind, begun, (time.monotonic() - since) * 1000, failed))


def marks_record(marks: Iterable[Mark]) -> list[dict[str, Any]]:
    """The marks as JSON, in their order in time: each so many milliseconds after the first one."""
    ordered = sorted(marks, key=lambda one: one.begun)[:MOST_MARKS]
    return [
        {
            "name": one.name, "kind": one.kind.value, "at": round((one.begun - ordered[0].begun) * 1000, 1),
            "milliseconds": round(one.milliseconds, 1), **({"failed": one.failed} if one.failed else {}),
        }
        for one in ordered
    ]  # fmt: skip


def marks_placed(record: Sequence[Mapping[str, Any]]) -> list[PlacedMark]:
    """What `marks_record` gave, on a common line of time."""
    total = max((one["at"] + one["milliseconds"] for one in record), default=0.0) or 1.0
    return [
        PlacedMark(
            one["name"], MarkKind(one["kind"]), one["at"], one["milliseconds"],
            x=f"{min(one['at'] / total * DRAWN, DRAWN - NARROWEST):.1f}",
            width=f"{max(one['milliseconds'] / total * DRAWN, NARROWEST):.1f}", failed=one.get("failed", ""),
        )
        for one in record
    ]  # fmt: skip
