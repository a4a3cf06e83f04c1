"""How it went in the last two weeks, day by day, and what waited for workers in the last day, hour by hour."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import cycle
from statistics import quantiles
from typing import Any

from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.template.defaultfilters import date as date_shown
from django.template.defaultfilters import floatformat
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from apps.documents.models import LIVING, VERSION_STOPPED, Document, DocumentVersion, VersionStatus
from apps.monitoring.chart_styles import BAD, GOOD, LINES, PALETTE, PLAIN, SOFT, STACKED
from apps.monitoring.operations.queues import QUEUE_WORDS, tenants_counted
from apps.monitoring.operations.tabs import LOOKS_AFTER, SEES_QUEUES
from apps.monitoring.rows import list_url, mine
from apps.retrieval.answers.cache.worth import worth_by_day
from apps.retrieval.models import Answer, Query
from ragsite.core.ids import first_id_since
from ragsite.core.numbers import number_shown
from ragsite.core.queue_samples import HourOfQueue, queue_hours
from ragsite.gateway.members import is_superuser, tenant_ids_of
from ragsite.gateway.roles import tenants_where

DAYS = 14
HOURS = 24
MOST_DRAWN = 2_000
"""Of so many rows, the newest, a chart is drawn: one of a hundred thousand took half a second of the page's."""


@dataclass(frozen=True, slots=True)
class Series:
    """A value for each day; None for one of which there is none."""

    label: str
    colour: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as the page draws it, with what it says in a sentence for those who can't see it."""

    title: str
    kind: str
    said: str
    url: str
    data: str
    options: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A question that was answered: on which day, after how many seconds, with how many tokens."""

    day: date
    found: bool
    seconds: float | None
    read: int
    written: int


@dataclass(frozen=True)
class Drawn:
    """What charts are drawn of: the days, and once for all charts the newest answers of them."""

    request: HttpRequest
    days: Sequence[date]

    @cached_property
    def answers(self) -> list[Answered]:
        rows = mine(self.request, Answer.objects.filter(pk__gte=_since()), path="query__tenant").order_by("-pk")
        told = rows.values_list(TruncDate("created_at"), "found", "milliseconds", "usage")
        return [_answered(*one) for one in told[:MOST_DRAWN]]

    @cached_property
    def waiting(self) -> list[HourOfQueue]:
        return queue_hours(hours=HOURS) if tenants_counted(self.request.user) is None else []


def charts(request: HttpRequest) -> list[Chart]:
    """Those of what the user may look at."""
    drawn = Drawn(request, [timezone.localdate() - timedelta(days=back) for back in range(DAYS - 1, -1, -1)])
    made = [make(drawn) for permission, make in CHARTS if request.user.has_perm(permission)]
    return [one for one in made if one is not None]


def _answered(day: date, found: bool, milliseconds: dict[str, float], usage: dict[str, int]) -> Answered:
    seconds = sum(milliseconds.values()) / 1000 if milliseconds else None
    return Answered(day, found, seconds, usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0))


def _questions(drawn: Drawn) -> Chart | None:
    rows = Counter((one.day, one.found) for one in drawn.answers)
    if not rows:
        return None
    found = [rows[day, True] for day in drawn.days]
    missed = [rows[day, False] for day in drawn.days]
    said = ngettext(
        "%(found)s question found an answer in %(days)s days, %(missed)s did not.",
        "%(found)s questions found an answer in %(days)s days, %(missed)s did not.",
        sum(found),
    ) % {
        "found": number_shown(sum(found)), "missed": number_shown(sum(missed)), "days": DAYS,
    }  # fmt: skip
    said += _cut(len(drawn.answers))
    series = [Series(gettext("Answer found"), GOOD, found), Series(gettext("Not found"), BAD, missed)]
    return _chart(gettext("Questions a day"), "bar", said, list_url(Query), _named(drawn.days), series, STACKED)


def _documents(drawn: Drawn) -> Chart | None:
    rows, looked_at = _by_day_and_status(drawn.request)
    states = {status for _, status in rows}
    of_work = states - {VersionStatus.READY, *VERSION_STOPPED}
    named: list[tuple[str, str, set[str]]] = [
        (gettext("Ready"), GOOD, {VersionStatus.READY}),
        (gettext("Under way"), SOFT, of_work),
        (gettext("Failed"), BAD, {VersionStatus.FAILED}),
    ]
    series = [
        Series(label, colour, [sum(rows[day, state] for state in of) for day in drawn.days])
        for label, colour, of in named
    ]
    totals = [int(sum(value or 0 for value in one.values)) for one in series]
    if not any(totals):
        return None
    said = gettext(
        "Of the documents added in %(days)s days %(ready)s are ready, %(under_way)s are under way, %(failed)s failed."
    )
    said %= {
        "days": DAYS,
        "ready": number_shown(totals[0]),
        "under_way": number_shown(totals[1]),
        "failed": number_shown(totals[2]),
    }
    said += _cut(looked_at)
    return _chart(
        gettext("Documents added a day"), "bar", said, list_url(DocumentVersion), _named(drawn.days), series, STACKED
    )


def _by_day_and_status(request: HttpRequest) -> tuple[Counter[tuple[date, str]], int]:
    """The newest versions of the tenants, of these what the user may look at; and how many they were before that: the other way
    round the rights to all documents are looked up.
    """
    user, versions = request.user, DocumentVersion.objects.filter(pk__gte=_since())
    of_tenants = versions if is_superuser(user) else versions.filter(tenant_id__in=tenant_ids_of(user))
    newest = list(of_tenants.order_by("-pk").values_list("document", TruncDate("created_at"), "status")[:MOST_DRAWN])
    among = Document.objects.filter(LIVING, pk__in={document for document, *_ in newest})
    shown = set(mine(request, among).values_list("pk", flat=True))
    return Counter((day, status) for document, day, status in newest if document in shown), len(newest)


def _tokens(drawn: Drawn) -> Chart | None:
    """What language models read and wrote; none where the documents' own sentences answer."""
    read, written = Counter[date](), Counter[date]()
    for one in drawn.answers:
        read[one.day] += one.read
        written[one.day] += one.written
    if not read.total() and not written.total():
        return None
    said = gettext("Language models read %(read)s tokens and wrote %(written)s in %(days)s days.") % {
        "read": number_shown(read.total()), "written": number_shown(written.total()), "days": DAYS,
    }  # fmt: skip
    said += _cut(len(drawn.answers))
    series = [
        Series(gettext("Read"), SOFT, [read[day] for day in drawn.days]),
        Series(gettext("Written"), PLAIN, [written[day] for day in drawn.days]),
    ]
    return _chart(gettext("Tokens a day"), "bar", said, reverse("usage"), _named(drawn.days), series, STACKED)


def _kept(drawn: Drawn) -> Chart | None:
    """What the cache of answers was worth; none where nothing was looked up in it, or Redis is away."""
    user = drawn.request.user
    worth = worth_by_day(drawn.days, tenant_ids=None if is_superuser(user) else tenants_where(user, LOOKS_AFTER))
    asked, found = sum(one.asked for one in worth), sum(one.found for one in worth)
    if not asked:
        return None
    said = gettext(
        "%(found)s of %(asked)s questions were answered from the cache in %(days)s days, which saved %(seconds)s seconds."
    )
    said %= {
        "found": number_shown(found), "asked": number_shown(asked), "days": DAYS,
        "seconds": number_shown(sum(one.saved_seconds for one in worth), 1),
    }  # fmt: skip
    series = [
        Series(gettext("From the cache"), GOOD, [one.found for one in worth]),
        Series(gettext("Made anew"), SOFT, [one.asked - one.found for one in worth]),
    ]
    return _chart(gettext("Answers from the cache"), "bar", said, reverse("usage"), _named(drawn.days), series, STACKED)


def _seconds(drawn: Drawn) -> Chart | None:
    taken: dict[date, list[float]] = {}
    for one in drawn.answers:
        if one.seconds is not None:
            taken.setdefault(one.day, []).append(one.seconds)
    if not taken:
        return None
    half = {day: round(_quantile(seconds, 10), 2) for day, seconds in taken.items()}
    most = {day: round(_quantile(seconds, 19), 2) for day, seconds in taken.items()}
    last = max(taken)
    said = gettext("On %(day)s half of the answers took up to %(half)s seconds, 19 of 20 up to %(most)s.") % {
        "day": date_shown(last, gettext("j F")), "half": floatformat(half[last], 2), "most": floatformat(most[last], 2),
    }  # fmt: skip
    series = [
        Series(gettext("Half are faster"), PLAIN, [half.get(day) for day in drawn.days]),
        Series(gettext("19 of 20 are faster"), SOFT, [most.get(day) for day in drawn.days]),
    ]
    return _chart(gettext("Seconds to an answer"), "line", said, list_url(Query), _named(drawn.days), series, LINES)


def _waiting(drawn: Drawn) -> Chart | None:
    """The most that waited for workers in each hour; of all tenants, and so for who sees all."""
    most = _by_queue(drawn, lambda one: one.waiting)
    if not most:
        return None
    peak = max(max(values) for values in most.values())
    said = gettext("In the last %(hours)s hours at most %(most)s things waited for one kind of worker.") % {
        "hours": HOURS, "most": number_shown(peak),
    }  # fmt: skip
    return _of_queues(gettext("Waiting for workers"), "bar", said, most, STACKED)


def _waited(drawn: Drawn) -> Chart | None:
    """How long what waited longest had, in each hour."""
    longest = _by_queue(drawn, lambda one: round(one.seconds / 60, 1))
    if not longest:
        return None
    peak = max(max(values) for values in longest.values())
    said = gettext("In the last %(hours)s hours nothing waited for a worker longer than %(minutes)s minutes.") % {
        "hours": HOURS, "minutes": floatformat(peak, 1),
    }  # fmt: skip
    return _of_queues(gettext("Minutes that the first one waited"), "line", said, longest, LINES)


def _by_queue(drawn: Drawn, value: Callable[[HourOfQueue], float]) -> dict[str, list[float]]:
    """The value of each hour by queue, of those behind which something waited; 0 where nothing is known."""
    found = {(one.queue, one.hour): value(one) for one in drawn.waiting if one.waiting}
    hours = _last_hours()
    return {queue: [found.get((queue, hour), 0) for hour in hours] for queue in sorted({queue for queue, _ in found})}


def _of_queues(
    title: str, kind: str, said: str, values: Mapping[str, Sequence[float]], options: dict[str, Any]
) -> Chart:
    colours = cycle(PALETTE)
    series = [Series(str(QUEUE_WORDS.get(queue, (queue, ""))[0]), next(colours), of) for queue, of in values.items()]
    return _chart(title, kind, said, reverse("workers"), [f"{hour:%H}:00" for hour in _last_hours()], series, options)


def _last_hours() -> list[datetime]:
    now = timezone.localtime().replace(minute=0, second=0, microsecond=0)
    return [now - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]


def _quantile(values: Sequence[float], twentieths: int) -> float:
    """So many twentieths of the values are not above it; between two it is interpolated."""
    return quantiles(values, n=20, method="inclusive")[twentieths - 1] if len(values) > 1 else values[0]


def _cut(drawn: int) -> str:
    words = gettext("Only the newest %(most)s are drawn.") % {"most": number_shown(MOST_DRAWN)}
    return f" {words}" if drawn >= MOST_DRAWN else ""


def _since() -> Any:
    return first_id_since(timezone.now() - timedelta(days=DAYS))


def _named(days: Iterable[date]) -> list[str]:
    return [date_shown(day, gettext("j M")) for day in days]


def _chart(
    title: str, kind: str, said: str, url: str, places: Sequence[str], series: Sequence[Series], options: dict[str, Any]
) -> Chart:
    sets = [
        {
            "label": one.label, "data": list(one.values), "backgroundColor": one.colour, "borderColor": one.colour,
            "maxBarThickness": 28, "borderRadius": 2, "tension": 0.2, "spanGaps": True, "pointRadius": 2,
            "borderWidth": 2 if kind == "line" else 0,
        }
        for one in series
    ]  # fmt: skip
    data = {"labels": list(places), "datasets": sets}
    return Chart(title, kind, said, url, json.dumps(data), json.dumps(options))


CHARTS = (
    ("retrieval.view_query", _questions),
    ("retrieval.view_query", _seconds),
    ("documents.view_documentversion", _documents),
    (LOOKS_AFTER, _tokens),
    (LOOKS_AFTER, _kept),
    (SEES_QUEUES, _waiting),
    (SEES_QUEUES, _waited),
)
