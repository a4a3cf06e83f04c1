"""What somebody should look at, the most urgent first, each with the page where it is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Min
from django.http import HttpRequest
from django.template.defaultfilters import floatformat
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext_lazy

from apps.documents.models import LIVING_VERSIONS, VERSION_STOPPED, DocumentVersion, VersionStatus
from apps.models.installed_model import ModelKind
from apps.models.models import ModelVersion
from apps.models.selectors import model_default
from apps.monitoring.alerts.observing import subject_of
from apps.monitoring.alerts.page import alerts_open
from apps.monitoring.alerts.rules import PART_DEGRADED, PART_FAILS
from apps.monitoring.alerts.words import alert_title
from apps.monitoring.health_page import deep_shown
from apps.monitoring.jobs.scheduled_words import scheduled_title
from apps.monitoring.models import HealthState, Severity
from apps.monitoring.rows import counted, list_url, mine, versions_came, versions_counted
from apps.monitoring.workspace.place import workspace_url
from apps.retrieval.models import (
    Answer,
    AnswerFeedback,
    EvaluationRun,
    Query,
    Rating,
    Reindex,
    ReindexState,
    RunState,
)
from ragsite.core.ids import first_id_since
from ragsite.core.models import OutboxEvent, ScheduledJob
from ragsite.core.outbox import outbox_waiting
from ragsite.core.sentences import said

LATELY = timedelta(days=7)
LONG = timedelta(minutes=10)
"""What waits longer than that is told of."""

FALL = 0.02
"""By how much nDCG@10 may fall from a run to the next before somebody is told."""

RUNS_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class Attention:
    """A sentence, how bad it is (danger, warning, info), and where it leads."""

    tone: str
    icon: str
    text: str
    url: str


FAILED = ngettext_lazy("%(count)s document could not be read.", "%(count)s documents could not be read.", "number")
UNANSWERED = ngettext_lazy(
    "%(count)s question of the last seven days found no answer.",
    "%(count)s questions of the last seven days found no answer.",
    "number",
)
DISLIKED = ngettext_lazy(
    "%(count)s answer of the last seven days was rated down.",
    "%(count)s answers of the last seven days were rated down.",
    "number",
)
Look = Callable[[HttpRequest], Iterator[Attention]]


def attention(request: HttpRequest) -> list[Attention]:
    """All of what the user may look at, in the order of the table."""
    return [one for permission, look in LOOKS if request.user.has_perm(permission) for one in look(request)]


def _living(request: HttpRequest, versions: Any) -> Any:
    return mine(request, versions.filter(LIVING_VERSIONS), path="document__tenant")


def _failed(request: HttpRequest) -> Iterator[Attention]:
    failed = versions_counted(request.user, DocumentVersion.objects.filter(status=VersionStatus.FAILED))
    if failed:
        text = failed.told(FAILED)
        yield Attention("danger", "error", text, reverse("failures"))


def _stuck(request: HttpRequest) -> Iterator[Attention]:
    versions = DocumentVersion.objects.exclude(status__in=(VersionStatus.READY, *VERSION_STOPPED))
    came = versions_came(request.user, versions)
    oldest = (
        _living(request, versions).aggregate(oldest=Min("created_at"))["oldest"]
        if came is None
        else min(came, default=None)
    )
    if oldest is not None and timezone.now() - oldest > LONG:
        text = gettext("A document has waited for %(time)s. Do workers run, and is a model there?")
        text %= {"time": timesince(oldest)}
        yield Attention("warning", "hourglass_top", text, list_url(DocumentVersion, "?o=-1"))


def _no_model(request: HttpRequest) -> Iterator[Attention]:
    if model_default(ModelKind.EMBEDDING) is None:
        text = gettext("No embedding model is registered, so documents can't be searched by meaning.")
        yield Attention("danger", "neurology", text, list_url(ModelVersion))


def _reindexes(request: HttpRequest) -> Iterator[Attention]:
    wait = {
        ReindexState.READY: ("info", gettext("A new index of %(base)s is ready and waits to be switched to.")),
        ReindexState.REFUSED: ("warning", gettext("A new index of %(base)s answers worse, and was not switched to.")),
        ReindexState.FAILED: ("danger", gettext("The re-index of %(base)s failed.")),
    }
    rows = mine(request, Reindex.objects.filter(state__in=wait, ended_at=None), path="knowledge_base__tenant")
    for one in rows.select_related("knowledge_base")[:5]:
        tone, text = wait[ReindexState(one.state)]
        text %= {"base": one.knowledge_base}
        yield Attention(tone, "database", text, workspace_url(one.knowledge_base, "index"))


def _quality(request: HttpRequest) -> Iterator[Attention]:
    """Where the last run of a set ranks worse than the one before it."""
    runs = EvaluationRun.objects.filter(state=RunState.DONE).select_related("evaluation_set__knowledge_base")
    newest: dict[Any, EvaluationRun] = {}
    told: set[Any] = set()
    for run in mine(request, runs, path="evaluation_set__knowledge_base__tenant")[:RUNS_LOOKED_AT]:
        later = newest.setdefault(_series(run), run)
        if later is run or _series(run) in told:
            continue
        told.add(_series(run))
        before, now = (one.metrics.get(f"ndcg@{run.k}") for one in (run, later))
        if before is not None and now is not None and before - now > FALL:
            text = gettext("Quality fell in %(set)s: nDCG@%(k)s was %(before)s and is %(now)s.") % {
                "set": run.evaluation_set, "k": run.k, "before": floatformat(before, 2), "now": floatformat(now, 2),
            }  # fmt: skip
            yield Attention("warning", "trending_down", text, list_url(EvaluationRun))


def _series(run: EvaluationRun) -> tuple[Any, ...]:
    return run.evaluation_set_id, run.mode, run.rerank, run.k


def _unanswered(request: HttpRequest) -> Iterator[Attention]:
    answers = mine(request, Answer.objects.filter(pk__gte=_lately()), path="query__tenant")
    missed = counted(answers.filter(found=False))
    if missed:
        text = missed.told(UNANSWERED)
        yield Attention("info", "help", text, list_url(Query, "?answer__found__exact=0"))


def _disliked(request: HttpRequest) -> Iterator[Attention]:
    ratings = AnswerFeedback.objects.filter(rating=Rating.DOWN, answer__pk__gte=_lately())
    disliked = counted(mine(request, ratings, path="answer__query__tenant"))
    if disliked:
        text = disliked.told(DISLIKED)
        yield Attention("info", "thumb_down", text, list_url(AnswerFeedback))


def _events(request: HttpRequest) -> Iterator[Attention]:
    waiting = mine(request, outbox_waiting(), path="tenant_id")
    oldest = waiting.order_by("id").values_list("created_at", flat=True).first()
    if oldest is not None and timezone.now() - oldest > LONG:
        text = gettext("Events have waited for %(time)s to be sent. Does the Kafka broker answer?")
        text %= {"time": timesince(oldest)}
        yield Attention("warning", "outbox", text, list_url(OutboxEvent, "?sending=waiting"))


def _jobs(request: HttpRequest) -> Iterator[Attention]:
    for job in ScheduledJob.objects.exclude(error="")[:5]:
        text = gettext("A job by the clock failed: “%(job)s”. %(error)s") % {
            "job": scheduled_title(job.name),
            "error": said(job.error),
        }
        yield Attention("warning", "schedule", text, list_url(ScheduledJob))


def _lately() -> Any:
    return first_id_since(timezone.now() - LATELY)


def _alerts(request: HttpRequest) -> Iterator[Attention]:
    """Those that nobody sees to."""
    for alert in alerts_open():
        if alert.acknowledged_at is None:
            tone = "danger" if alert.severity == Severity.CRITICAL else "warning"
            yield Attention(tone, "notifications", alert_title(alert), reverse("alerts"))


def _parts(request: HttpRequest) -> Iterator[Attention]:
    """What a worker found not to work, or in part only, when it looked last, until there is an alert of it."""
    shown = deep_shown(request) or []
    alerted = {alert.subject for alert in alerts_open() if alert.rule in (PART_FAILS, PART_DEGRADED)}
    for one in shown:
        if not one.fine and not one.is_old and subject_of(one.row) not in alerted:
            tone = "danger" if one.row.state == HealthState.FAILED else "warning"
            name = f"{one.name} ({one.row.subject})" if one.row.subject else one.name
            yield Attention(tone, one.icon, f"{name}: {one.sentence}", reverse("health-page"))
    if any(one.is_old for one in shown):
        text = gettext(
            "No worker has looked at the parts of the system for long. Do beat and a worker for the queue maintenance run?"
        )
        yield Attention("warning", "monitor_heart", text, reverse("health-page"))


LOOKS: tuple[tuple[str, Look], ...] = (
    ("monitoring.view_alert", _alerts),
    ("monitoring.view_healthcheck", _parts),
    ("model_registry.view_modelversion", _no_model),
    ("documents.view_documentversion", _failed),
    ("documents.view_documentversion", _stuck),
    ("documents.view_knowledgebase", _reindexes),
    ("core.view_outboxevent", _events),
    ("core.view_scheduledjob", _jobs),
    ("retrieval.view_evaluationrun", _quality),
    ("retrieval.view_answerfeedback", _disliked),
    ("retrieval.view_query", _unanswered),
)
"""Who may see it, and what looks for it."""
