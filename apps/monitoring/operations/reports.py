"""The page of reports: what answers are worth and cost, what nobody finds, and who waits, of one tenant at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.documents.models import LIVING, Document, KnowledgeBase
from apps.monitoring.analytics import telling
from apps.monitoring.analytics.opening import store_for_reading
from apps.monitoring.analytics.reports import answers, documents
from apps.monitoring.analytics.reports.answers import CacheWorth, Quality, StepCost
from apps.monitoring.analytics.reports.documents import StageWaiting
from apps.monitoring.analytics.reports.scope import By, ReportScope
from apps.monitoring.analytics.store import AnalyticsOffError, AnalyticsStore, AnalyticsUnavailableError
from apps.monitoring.operations.frame import operations_page, tab_required
from apps.monitoring.operations.report_charts import cache_chart, found_chart
from apps.monitoring.operations.tabs import LOOKS_AFTER
from apps.monitoring.rows import mine
from apps.monitoring.workspace.document.pipeline import stage_titles
from apps.retrieval.doors.admin.showing import step_titles
from apps.retrieval.models import Query
from ragsite.core.configuration import ServerSettings
from ragsite.core.sentences import said
from ragsite.gateway.models import Tenant
from ragsite.gateway.roles import tenants_where

PERIODS = (7, 30, 90, 365)
USUAL_DAYS = 30
MOST_BY_DAY = 60
"""Days that are told one by one; a longer period is told by week."""

SHOWN = 20


@dataclass(frozen=True, slots=True)
class WaitingShown:
    """A stage of a knowledge base, with the seconds that versions waited for it and spent in it."""

    base: str
    stage: str
    versions: int
    waited: tuple[float, float, float]
    worked: tuple[float, float]


@dataclass(frozen=True, slots=True)
class CostShown:
    """A step of answering, in milliseconds: of all together, and what half, 19 of 20 and 99 of 100 stay below."""

    title: str
    times: int
    together: float
    half: float
    most: float
    nearly_all: float


@admin.site.admin_view
def reports_view(request: HttpRequest) -> HttpResponse:
    """Of a tenant that the user looks after: the one that is asked for, or the first.

    Raises:
        PermissionDenied: the user looks after no tenant.
    """
    tab_required(request, "reports")
    tenants = _tenants(request)
    tenant_id = next((pk for pk in tenants if str(pk) == request.GET.get("tenant")), next(iter(tenants), None))
    days = next((one for one in PERIODS if str(one) == request.GET.get("days")), USUAL_DAYS)
    frame = {"tenants": tenants, "chosen": tenant_id, "days": days, "ways": _ways(tenant_id, days)}
    frame |= {"has_kafka": ServerSettings.current().has_kafka}
    if tenant_id is None:
        return operations_page(request, "reports", frame)
    last = datetime.now(UTC).date()
    scope = ReportScope(tenant_id, last - timedelta(days=days - 1), last)
    return operations_page(request, "reports", frame | _reports(request, scope))


def _reports(request: HttpRequest, scope: ReportScope) -> dict[str, Any]:
    """All of them; or, where there is no ClickHouse to ask, why not."""
    try:
        store = store_for_reading()
        return _figures(request, store, scope) | _lists(request, store, scope)
    except (AnalyticsOffError, AnalyticsUnavailableError) as error:
        return {"away": said(error.message), "away_action": said(error.error_action)}


def _figures(request: HttpRequest, store: AnalyticsStore, scope: ReportScope) -> dict[str, Any]:
    by = By.DAY if (scope.last - scope.first).days < MOST_BY_DAY else By.WEEK
    quality = answers.quality_by_base(store, scope, by=by)
    cache, waits = answers.cache_worth(store, scope, by=by), documents.stages_waited_for(store, scope)
    names = _names(request, scope, quality, waits)
    charts = [found_chart(quality, names, _steps(scope, by)), cache_chart(cache, _steps(scope, by))]
    return {
        "total": _total(cache),
        "charts": [one for one in charts if one is not None],
        "bases": _by_base(quality, names),
        "steps": [_cost(one) for one in answers.step_costs(store, scope)],
        "models": answers.model_costs(store, scope),
        "waits": [_waiting(one, names) for one in waits[:SHOWN]],
    }


def _lists(request: HttpRequest, store: AnalyticsStore, scope: ReportScope) -> dict[str, Any]:
    """What names questions and documents: where the user may look at them, and of these those that the user sees."""
    may_queries, may_documents = (
        scope.tenant_id in tenants_where(request.user, permission)
        for permission in ("retrieval.view_query", "documents.view_document")
    )
    queries = mine(request, Query.objects.filter(tenant=scope.tenant_id))
    mine_ = mine(request, Document.objects.filter(LIVING, tenant=scope.tenant_id))
    return {
        "unanswered": telling.questions_unanswered(store, scope, queries=queries, most=SHOWN) if may_queries else None,
        "uncited": telling.documents_uncited(store, scope, documents=mine_, most=SHOWN) if may_documents else None,
        "cited": telling.passages_cited(store, scope, documents=mine_, most=SHOWN) if may_documents else None,
    }


def _tenants(request: HttpRequest) -> dict[UUID, str]:
    rows = Tenant.objects.filter(pk__in=tenants_where(request.user, LOOKS_AFTER)).order_by("name")
    return dict(rows.values_list("pk", "name"))


def _ways(tenant_id: UUID | None, days: int) -> list[dict[str, Any]]:
    """Periods that people ask for, as links."""
    titles = dict(
        zip(PERIODS, (_("Last 7 days"), _("Last 30 days"), _("Last 90 days"), _("Last 12 months")), strict=True)
    )
    return [
        {"title": title, "is_open": number == days, "query": urlencode({"days": number, "tenant": tenant_id or ""})}
        for number, title in titles.items()
    ]


def _names(
    request: HttpRequest, scope: ReportScope, quality: Sequence[Quality], waits: Sequence[StageWaiting]
) -> Mapping[UUID, str]:
    """Of the knowledge bases that the user may look at; others are told of without a name."""
    wanted = {one.knowledge_base for one in quality} | {one.knowledge_base for one in waits}
    rows = mine(request, KnowledgeBase.objects.filter(tenant=scope.tenant_id, pk__in=wanted))
    return dict(rows.values_list("pk", "name"))


def _steps(scope: ReportScope, by: By) -> list[date]:
    """The first days of the steps, those too in which nothing was asked."""
    days = [scope.first + timedelta(days=number) for number in range((scope.last - scope.first).days + 1)]
    return days if by is By.DAY else sorted({day - timedelta(days=day.weekday()) for day in days})


def _total(cache: Sequence[CacheWorth]) -> dict[str, float]:
    return {
        "answers": sum(one.answers for one in cache),
        "from_cache": sum(one.from_cache for one in cache),
        "seconds_saved": sum(one.milliseconds_saved for one in cache) / 1000,
        "tokens_saved": sum(one.tokens_saved for one in cache),
    }


def _by_base(quality: Sequence[Quality], names: Mapping[UUID, str]) -> list[dict[str, Any]]:
    """The quality of each knowledge base in the whole period, the one that was asked most first."""
    sums: dict[UUID, dict[str, Any]] = {}
    counted = ("questions", "found", "statements", "supported", "rated_up", "rated_down")
    for one in quality:
        of_base = sums.setdefault(one.knowledge_base, dict.fromkeys(counted, 0))
        for name in counted:
            of_base[name] += getattr(one, name)
    rows = [
        told | {
            "name": _named(pk, names), "found_share": _share(told["found"], told["questions"]),
            "supported_share": _share(told["supported"], told["statements"]),
        }
        for pk, told in sums.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row["questions"], row["name"]))[:SHOWN]


def _named(base: UUID, names: Mapping[UUID, str]) -> str:
    return names.get(base) or _("One that is gone, or not yours to see")


def _share(part: int, whole: int) -> int | None:
    return round(100 * part / whole) if whole else None


def _cost(one: StepCost) -> CostShown:
    title = step_titles().get(one.step, one.step)
    return CostShown(title, one.times, one.milliseconds, one.p50, one.p95, one.p99)


def _waiting(one: StageWaiting, names: Mapping[UUID, str]) -> WaitingShown:
    return WaitingShown(
        _named(one.knowledge_base, names), stage_titles().get(one.stage, one.stage), one.versions,
        (one.waited_p50 / 1000, one.waited_p95 / 1000, one.waited_longest / 1000),
        (one.worked_p50 / 1000, one.worked_p95 / 1000),
    )  # fmt: skip
