"""A timeline as rows of a page: bars on a common line of time, each with its words and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from ragsite.core.configuration import TracingSettings
from ragsite.core.monitoring_environment import TRACE_ID
from ragsite.core.numbers import number_shown
from ragsite.core.timelines import MarkKind, PlacedMark, marks_placed


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace that a piece of work was part of; `url` opens it, where the settings say where traces are kept."""

    id: str
    url: str

    @classmethod
    def of(cls, trace_id: str) -> Trace | None:
        """None for work that was part of none."""
        if not trace_id:
            return None
        return cls(trace_id, TracingSettings.current().url.replace(TRACE_ID, trace_id))


@dataclass(frozen=True, slots=True)
class WaterfallRow:
    """A bar with its words; `name` is what it is called in the system."""

    mark: PlacedMark
    title: str
    at: str
    took: str

    @property
    def name(self) -> str:
        return self.mark.name

    @property
    def kind_words(self) -> str:
        """What kind of time it is, for who does not see colours."""
        return {
            MarkKind.STEP: _("Work"), MarkKind.MODEL: _("Call of a model"), MarkKind.WAIT: _("Waiting"),
            MarkKind.TRY: _("Earlier attempts"),
        }[self.mark.kind]  # fmt: skip


def waterfall_rows(record: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> list[WaterfallRow]:
    """What a timeline kept, in its order; `titles` are what people call its parts."""
    return [
        WaterfallRow(one, titles.get(one.name, one.name), _time(one.at), _time(one.milliseconds))
        for one in marks_placed(record)
    ]


def _time(milliseconds: float) -> str:
    if milliseconds < 1000:
        return _("%(number)s ms") % {"number": number_shown(milliseconds, 1)}
    return _("%(number)s s") % {"number": number_shown(milliseconds / 1000, 2)}
