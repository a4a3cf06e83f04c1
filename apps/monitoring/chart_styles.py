"""How charts look, wherever they are drawn: colours that hold on light and dark, and axes."""

from __future__ import annotations

from typing import Any

GOOD, BAD, PLAIN, SOFT = "oklch(62% .13 155)", "oklch(62% .19 25)", "oklch(62.5% .108 212)", "oklch(80% .07 210)"
PALETTE = (PLAIN, GOOD, "oklch(65% .14 65)", BAD)
DAY_AXIS = {"grid": {"display": False}, "ticks": {"maxRotation": 0, "maxTicksLimit": 7}}


def _options(*, stacked: bool, whole: bool) -> dict[str, Any]:
    """Of a chart whose values lie on each other, and are whole numbers."""
    upwards = {"stacked": stacked, "beginAtZero": True, "ticks": {"precision": 0} if whole else {"maxTicksLimit": 6}}
    return {
        "responsive": True, "maintainAspectRatio": False, "animation": False,
        "scales": {"x": DAY_AXIS | {"stacked": stacked}, "y": upwards},
        "plugins": {"legend": {"position": "bottom", "align": "start", "labels": {"boxWidth": 12, "boxHeight": 12}}},
    }  # fmt: skip


STACKED, LINES = _options(stacked=True, whole=True), _options(stacked=False, whole=False)
