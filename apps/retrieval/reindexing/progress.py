"""How far a re-index is, in figures and in words."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext

from apps.retrieval.models import Reindex, ReindexState
from ragsite.core.numbers import number_shown
from ragsite.core.sentences import said

WHOLE = 1.0


@dataclass(frozen=True, slots=True)
class ReindexProgress:
    """`share` of the chunks that are done, 0 to 1; `seconds_left` is None where nobody can tell."""

    share: float
    seconds_left: float | None
    text: str


def reindex_progress(reindex: Reindex) -> ReindexProgress:
    """Where a re-index stands. The estimate is by the rate so far."""
    state = ReindexState(reindex.state)
    if state != ReindexState.BUILDING:
        return ReindexProgress(WHOLE if state != ReindexState.FAILED else _share(reindex), None, _in_words(reindex))
    share, seconds = _share(reindex), _seconds_left(reindex)
    done = min(reindex.chunk_done, reindex.chunk_total)
    words = gettext("Building: %(done)s of %(total)s passages.")
    told = {"done": number_shown(done), "total": number_shown(reindex.chunk_total)}
    if seconds is not None:
        words = gettext("Building: %(done)s of %(total)s passages, about %(left)s left.")
        told["left"] = duration_in_words(seconds)
    why = " " + gettext("The last time: %(error)s") % {"error": said(reindex.error)} if reindex.error else ""
    return ReindexProgress(share, seconds, words % told + why)


def duration_in_words(seconds: float) -> str:
    """`40 s`, `3 min`, `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{number_shown(seconds / 3600, 1)} h"


def _share(reindex: Reindex) -> float:
    return min(WHOLE, reindex.chunk_done / reindex.chunk_total) if reindex.chunk_total else WHOLE


def _seconds_left(reindex: Reindex) -> float | None:
    if not reindex.chunk_done or not reindex.seconds:
        return None
    return max(0, reindex.chunk_total - reindex.chunk_done) * reindex.seconds / reindex.chunk_done


def _in_words(reindex: Reindex) -> str:
    parts = [f"{reindex.get_state_display()}.", said(reindex.note), said(reindex.error)]
    return " ".join(part for part in parts if part)
