"""The page of what is used, and the same as a table for a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import date as date_shown
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.documents.models import KnowledgeBase
from apps.monitoring.chart_styles import BAD, GOOD, PLAIN, SOFT, STACKED
from apps.monitoring.operations.frame import operations_page, tab_required
from apps.monitoring.operations.tabs import LOOKS_AFTER
from apps.monitoring.operations.usage_counts import (
    Asked,
    AskedRow,
    Kept,
    Period,
    Step,
    questions_asked,
    things_kept,
    totals_by,
)
from apps.monitoring.operations.usage_limits import LimitShown, members_limited, tenants_limited
from apps.monitoring.rows import mine
from apps.monitoring.workspace.place import workspace_url
from ragsite.core.numbers import number_shown
from ragsite.gateway.models import Tenant
from ragsite.gateway.roles import tenants_where

USUAL_DAYS = 30
SHOWN = 100
"""Knowledge bases on the page; the table for a spreadsheet has all."""

FEWEST_DRAWN = 2
"""Days or months in which something was used, below which one bar alone would stand in an empty chart."""

AT_ONCE_DAYS = 31
"""What was asked in a longer period is asked for by the page once it is there: to add up a year may take seconds."""

CSV = "csv"


@dataclass(frozen=True, slots=True)
class BaseUsage:
    """What one knowledge base was asked, and what it holds. Without a name: what was asked of several together."""

    name: str
    tenant: str
    url: str
    asked: Asked
    kept: Kept


@dataclass(frozen=True, slots=True)
class UsageChart:
    """A chart, with what it says in a sentence; without `data` the sentence says it all."""

    title: str
    said: str
    data: str = ""
    options: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """All of it for a period, of the tenants that were asked for."""

    period: Period
    tenants: Mapping[UUID, str]
    chosen: UUID | None
    rows: list[AskedRow]
    kept: Mapping[UUID, Kept]

    @property
    def total(self) -> Asked:
        return sum((row.asked for row in self.rows), Asked())

    @property
    def query(self) -> str:
        """As an address has it."""
        said = {"first": self.period.first, "last": self.period.last, "by": self.period.step.value}
        return urlencode(said | ({"tenant": self.chosen} if self.chosen else {}))


@admin.site.admin_view
def usage_view(request: HttpRequest) -> HttpResponse:
    """What the tenants that the user looks after use.

    Raises:
        PermissionDenied: the user looks after no tenant.
    """
    tab_required(request, "usage")
    period = period_of(request.GET, today=timezone.localdate())
    if period.days > AT_ONCE_DAYS and not {"part", "format"} & request.GET.keys():
        return operations_page(request, "usage", {"later": request.GET.urlencode()})
    usage = usage_of(request, period)
    if request.GET.get("format") == CSV:
        return _csv(request, usage)
    bases = _bases(request, usage)
    context = {
        "usage": usage,
        "bases": bases[:SHOWN],
        "more": max(0, len(bases) - SHOWN),
        "charts": _charts(usage) if usage.rows else [],
        "ways": _ways(usage),
        "today": timezone.localdate(),
        "limits": _limits(request, usage),
    }
    return operations_page(request, "usage", context)


def _limits(request: HttpRequest, usage: Usage) -> list[LimitShown]:
    """Those of the tenants, and those of members where the user may look at them."""
    tenants = usage.tenants if usage.chosen is None else {usage.chosen: usage.tenants[usage.chosen]}
    with_members = tenants_where(request.user, "gateway.view_membership")
    return tenants_limited(tenants) + members_limited({pk: tenants[pk] for pk in tenants if pk in with_members})


def usage_of(request: HttpRequest, period: Period) -> Usage:
    """What the address asks for; what does not make sense is left out."""
    mine_ = Tenant.objects.filter(pk__in=tenants_where(request.user, LOOKS_AFTER)).order_by("name")
    tenants = dict(mine_.values_list("pk", "name"))
    chosen = next((pk for pk in tenants if str(pk) == request.GET.get("tenant")), None)
    wanted = [chosen] if chosen else list(tenants)
    return Usage(period, tenants, chosen, questions_asked(period, tenants=wanted), things_kept(tenants=wanted))


def period_of(asked: Mapping[str, str], *, today: date) -> Period:
    """The last thirty days where nothing else is asked for."""
    last = min(_day(asked.get("last", "")) or today, today)
    first = _day(asked.get("first", "")) or last - timedelta(days=USUAL_DAYS - 1)
    return Period.of(first, last, Step(by) if (by := asked.get("by", "")) in set(Step) else None)


def _day(said: str) -> date | None:
    try:
        return parse_date(said)
    except ValueError:
        return None


def _bases(request: HttpRequest, usage: Usage) -> list[BaseUsage]:
    """By knowledge base, the one that was asked most first."""
    asked = totals_by(usage.rows, of=lambda row: (row.tenant_id, row.knowledge_base_id))
    wanted = {base for _tenant, base in asked if base} | usage.kept.keys()
    named = {row.pk: row for row in mine(request, KnowledgeBase.objects.filter(pk__in=wanted))}
    keys = set(asked) | {(row.tenant_id, row.pk) for row in named.values()}
    found = [_base(usage, tenant, base, named, asked.get((tenant, base), Asked())) for tenant, base in keys]
    return sorted(found, key=lambda one: (-one.asked.questions, -one.kept.bytes, one.name))


def _base(
    usage: Usage, tenant: UUID, base: UUID | None, named: Mapping[UUID, KnowledgeBase], asked: Asked
) -> BaseUsage:
    row = named.get(base) if base else None
    name = row.name if row else _("Several together") if base is None else _("One that is gone, or not yours to see")
    url = workspace_url(row) if row and row.deleted_at is None else ""
    kept = usage.kept.get(row.pk, Kept()) if row else Kept()
    return BaseUsage(name, usage.tenants.get(tenant, ""), url, asked, kept)


def _charts(usage: Usage) -> list[UsageChart]:
    by_step = totals_by(usage.rows, of=lambda row: row.at)
    asked = [by_step.get(at, Asked()) for at in usage.period.steps]
    total = usage.total
    said = ngettext(
        "%(found)s question found an answer, %(missed)s did not.",
        "%(found)s questions found an answer, %(missed)s did not.",
        total.found,
    )
    tokens = _("Language models read %(read)s tokens and wrote %(written)s.") % {
        "read": number_shown(total.tokens_read), "written": number_shown(total.tokens_written),
    }  # fmt: skip
    made = [
        _chart(usage, _("Questions"), said % {"found": number_shown(total.found), "missed": number_shown(total.missed)}, [
            (_("Answer found"), GOOD, [one.found for one in asked]), (_("Not found"), BAD, [one.missed for one in asked]),
        ]),
        _chart(usage, _("Tokens"), tokens, [
            (_("Read"), SOFT, [one.tokens_read for one in asked]),
            (_("Written"), PLAIN, [one.tokens_written for one in asked]),
        ]),
    ]  # fmt: skip
    return made if total.tokens_read or total.tokens_written else made[:1]


def _chart(usage: Usage, title: str, said: str, series: Sequence[tuple[str, str, Sequence[float]]]) -> UsageChart:
    shown = [_step_shown(usage.period, at) for at in usage.period.steps]
    together = zip(*(values for _label, _colour, values in series), strict=True)
    used = [label for label, values in zip(shown, together, strict=True) if any(values)]
    if len(used) < FEWEST_DRAWN:
        when = [_("All of it: %(when)s.") % {"when": label} for label in used]
        return UsageChart(title, " ".join([said, *when]))
    sets = [
        {"label": label, "data": list(values), "backgroundColor": colour, "maxBarThickness": 28, "borderRadius": 2}
        for label, colour, values in series
    ]
    data = {"labels": shown, "datasets": sets}
    return UsageChart(title, said, json.dumps(data), json.dumps(STACKED))


def _step_shown(period: Period, at: date) -> str:
    return date_shown(at, _("j M") if period.step is Step.DAY else _("M Y"))


def _ways(usage: Usage) -> list[dict[str, Any]]:
    """Periods that people ask for, as links."""
    today = timezone.localdate()
    year_ago = today - timedelta(days=364)
    periods = (
        (_("Last 7 days"), Period.of(today - timedelta(days=6), today)),
        (_("Last 30 days"), Period.of(today - timedelta(days=29), today)),
        (_("Last 90 days"), Period.of(today - timedelta(days=89), today)),
        (_("Last 12 months"), Period.of(year_ago, today)),
    )
    of_tenant = {"tenant": usage.chosen} if usage.chosen else {}
    return [
        {"title": title, "is_open": period == usage.period,
         "query": urlencode({"first": period.first, "last": period.last, "by": period.step.value} | of_tenant)}
        for title, period in periods
    ]  # fmt: skip


COLUMNS = (
    "from", "tenant", "knowledge_base", "questions", "answers_found", "tokens_read", "tokens_written", "model_seconds",
)  # fmt: skip


def _csv(request: HttpRequest, usage: Usage) -> HttpResponse:
    """A row for each step, tenant and knowledge base in which something was asked."""
    wanted = {row.knowledge_base_id for row in usage.rows if row.knowledge_base_id}
    names = dict(mine(request, KnowledgeBase.objects.filter(pk__in=wanted)).values_list("pk", "name"))
    name = f"usage-{usage.period.first}-{usage.period.last}.csv"
    response = HttpResponse(
        content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    for row in usage.rows:
        base = names.get(row.knowledge_base_id, str(row.knowledge_base_id)) if row.knowledge_base_id else ""
        asked = row.asked
        writer.writerow([
            row.at, cell(usage.tenants[row.tenant_id]), cell(base), asked.questions, asked.found, asked.tokens_read,
            asked.tokens_written, f"{asked.seconds:.3f}",
        ])  # fmt: skip
    return response


def cell(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
