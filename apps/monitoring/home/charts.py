"""How it went in the last two weeks, day by day."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.template.defaultfilters import date as date_shown
from django.template.defaultfilters import floatformat
from django.utils import timezone
from django.utils.translation import gettext

from apps.documents.models import LIVING_VERSIONS, VERSION_STOPPED, DocumentVersion, VersionStatus
from apps.monitoring.chart_styles import BAD, GOOD, LINES, PLAIN, SOFT, STACKED
from apps.monitoring.rows import list_url, mine
from apps.retrieval.models import Answer, Query
from ragsite.core.ids import first_id_since
from ragsite.core.numbers import number_shown
from ragsite.gateway.members import is_superuser, tenant_ids_of

DAYS = 14
MOST_DRAWN = 5_000
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


def charts(request: HttpRequest) -> list[Chart]:
    """Those of what the user may look at."""
    days = [timezone.localdate() - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    made = [make(request, days) for permission, make in CHARTS if request.user.has_perm(permission)]
    return [one for one in made if one is not None]


def _questions(request: HttpRequest, days: Sequence[date]) -> Chart | None:
    rows = _by_day(_answers(request).order_by(), "found")
    found = [rows.get((day, True), 0) for day in days]
    missed = [rows.get((day, False), 0) for day in days]
    if not any(found) and not any(missed):
        return None
    said = gettext("%(found)s questions found an answer in %(days)s days, %(missed)s did not.") % {
        "found": number_shown(sum(found)), "missed": number_shown(sum(missed)), "days": DAYS,
    }  # fmt: skip
    said += _cut(sum(found) + sum(missed))
    series = [Series(gettext("Answer found"), GOOD, found), Series(gettext("Not found"), BAD, missed)]
    return _chart(gettext("Questions a day"), "bar", said, list_url(Query), days, series, STACKED)


def _documents(request: HttpRequest, days: Sequence[date]) -> Chart | None:
    # The newest of the tenants come first, and of these what the user may read: the other way round all rights are looked up.
    newest = _of_tenants(request, DocumentVersion.objects.filter(pk__gte=_since()))
    versions = _newest(newest).filter(LIVING_VERSIONS)
    rows = _by_day(mine(request, versions, path="document__tenant").order_by(), "status")
    states = {status for _, status in rows}
    under_way = states - {VersionStatus.READY, *VERSION_STOPPED}
    named = [
        (gettext("Ready"), GOOD, {VersionStatus.READY}),
        (gettext("Under way"), SOFT, under_way),
        (gettext("Failed"), BAD, {VersionStatus.FAILED}),
    ]
    series = [
        Series(label, colour, [sum(rows.get((day, state), 0) for state in of) for day in days])
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
    said += _cut(MOST_DRAWN if newest.order_by("-pk")[MOST_DRAWN - 1 :].exists() else 0)
    return _chart(gettext("Documents added a day"), "bar", said, list_url(DocumentVersion), days, series, STACKED)


def _seconds(request: HttpRequest, days: Sequence[date]) -> Chart | None:
    sql, parameters = _answers(request).order_by().values("created_at", "milliseconds").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_PERCENTILES.format(answers=sql), [timezone.get_current_timezone_name(), *parameters])
        rows = {day: (half, most) for day, half, most in cursor.fetchall()}
    if not rows:
        return None
    half = [round(rows[day][0], 2) if day in rows else None for day in days]
    most = [round(rows[day][1], 2) if day in rows else None for day in days]
    last = max(rows)
    said = gettext("On %(day)s half of the answers took up to %(half)s seconds, 19 of 20 up to %(most)s.") % {
        "day": date_shown(last, gettext("j F")), "half": floatformat(rows[last][0], 2), "most": floatformat(rows[last][1], 2),
    }  # fmt: skip
    series = [Series(gettext("Half are faster"), PLAIN, half), Series(gettext("19 of 20 are faster"), SOFT, most)]
    return _chart(gettext("Seconds to an answer"), "line", said, list_url(Query), days, series, LINES)


def _answers(request: HttpRequest) -> QuerySet[Answer]:
    return _newest(mine(request, Answer.objects.filter(pk__gte=_since()), path="query__tenant"))


def _of_tenants(request: HttpRequest, versions: QuerySet[DocumentVersion]) -> QuerySet[DocumentVersion]:
    user = request.user
    return versions if is_superuser(user) else versions.filter(tenant_id__in=tenant_ids_of(user))


def _newest(rows: QuerySet[Any]) -> QuerySet[Any]:
    newest: QuerySet[Any] = rows.model.objects.filter(pk__in=rows.order_by("-pk").values("pk")[:MOST_DRAWN])
    return newest


def _cut(drawn: int) -> str:
    words = gettext("Only the newest %(most)s are drawn.") % {"most": number_shown(MOST_DRAWN)}
    return f" {words}" if drawn >= MOST_DRAWN else ""


def _since() -> Any:
    return first_id_since(timezone.now() - timedelta(days=DAYS))


def _by_day(rows: QuerySet[Any], what: str) -> dict[tuple[date, Any], int]:
    counted: Iterable[Any] = rows.annotate(day=TruncDate("created_at")).values_list("day", what).annotate(Count("pk"))
    return {(day, value): number for day, value, number in counted}


def _chart(
    title: str, kind: str, said: str, url: str, days: Sequence[date], series: Sequence[Series], options: dict[str, Any]
) -> Chart:
    sets = [
        {
            "label": one.label, "data": list(one.values), "backgroundColor": one.colour, "borderColor": one.colour,
            "maxBarThickness": 28, "borderRadius": 2, "tension": 0.2, "spanGaps": True, "pointRadius": 2,
            "borderWidth": 2 if kind == "line" else 0,
        }
        for one in series
    ]  # fmt: skip
    data = {"labels": [date_shown(day, gettext("j M")) for day in days], "datasets": sets}
    return Chart(title, kind, said, url, json.dumps(data), json.dumps(options))


_PERCENTILES = """
    SELECT (created_at AT TIME ZONE %s)::date,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY taken), percentile_cont(0.95) WITHIN GROUP (ORDER BY taken)
    FROM (SELECT created_at, (SELECT sum(value::float8) FROM jsonb_each_text(milliseconds)) / 1000 AS taken
          FROM ({answers}) answers OFFSET 0) timed
    WHERE taken IS NOT NULL GROUP BY 1"""

CHARTS = (
    ("retrieval.view_query", _questions),
    ("retrieval.view_query", _seconds),
    ("documents.view_documentversion", _documents),
)
