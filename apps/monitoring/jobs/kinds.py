"""Everything that takes long, as one table: who sees it, where it stands, how it is shown, and what stops it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.documents.models import BulkJob, BulkState, DeletionState, KnowledgeBaseDeletion
from apps.documents.rights.access import knowledge_bases_readable_by
from apps.documents.services.bulk.jobs import bulk_job_cancel, bulk_jobs_shown_to
from apps.models.models import TASK_OPEN, ModelTask, TaskKind, TaskState
from apps.models.services.tasks import model_task_cancel
from apps.monitoring.jobs.bulk_words import bulk_of, result_of
from apps.monitoring.jobs.erasure_words import TITLES as ERASURE_TITLES
from apps.monitoring.jobs.erasure_words import (
    erasure_about,
    erasure_facts,
    erasure_progress,
    erasure_result,
    erasure_stays,
)
from apps.monitoring.jobs.lines import Line, Progress, Standing
from apps.monitoring.workspace.place import workspace_url
from apps.retrieval.models import (
    REINDEX_WORKED_ON,
    Erasure,
    ErasureState,
    EvaluationQuestion,
    EvaluationResult,
    EvaluationRun,
    Reindex,
    ReindexState,
    RunState,
)
from apps.retrieval.reindexing.progress import reindex_progress
from apps.retrieval.reindexing.services import reindex_cancel
from ragsite.core.actors import Actor, actor_text
from ragsite.core.admin.base import row_url
from ragsite.core.numbers import number_shown
from ragsite.core.sentences import said
from ragsite.gateway.members import is_superuser, rows_of_tenants
from ragsite.gateway.roles import AnyUser, looking, permissions_held, tenants_where

Words = str | Promise
S = Standing


@dataclass(frozen=True, slots=True)
class JobKind:
    """`rows` are those that a user sees, none for who sees none; `line` shows one to its reader. `cancel` ends one for who
    `may_cancel` it while it is in a state of `cancellable`.
    """

    slug: str
    title: Words
    icon: str
    rows: Callable[[AnyUser], QuerySet[Any]]
    states: Mapping[Standing, Collection[str]]
    line: Callable[[JobKind, Any, AnyUser], Line]
    cancel: Callable[[Any, Actor], object] | None = None
    cancel_question: Words = ""
    cancellable: Collection[str] = ()
    may_cancel: Callable[[Any, Any], bool] = lambda _row, _user: False

    def standing(self, state: str) -> Standing:
        return next(standing for standing, states in self.states.items() if state in states)

    def can_cancel(self, row: Any, user: Any) -> bool:
        return row.state in self.cancellable and self.may_cancel(row, user)


def _of_tenants(model: type[Model], path: str) -> Callable[[AnyUser], QuerySet[Any]]:
    """Those of the tenants in which the user may look at rows of the model."""

    def rows(user: AnyUser) -> QuerySet[Any]:
        found = model._default_manager.all()
        if is_superuser(user):
            return found
        mine = rows_of_tenants(found, user, path=path)
        return mine.filter(**{f"{path}__in": tenants_where(user, *looking(model))})

    return rows


def _readable(model: type[Model], base: str) -> Callable[[AnyUser], QuerySet[Any]]:
    """As their own pages show them: of knowledge bases that the user reads."""
    of_tenants = _of_tenants(model, f"{base}__tenant")
    return lambda user: of_tenants(user).filter(**{f"{base}__in": knowledge_bases_readable_by(user)})


def _deletions(user: AnyUser) -> QuerySet[Any]:
    rows = KnowledgeBaseDeletion.objects.select_related("knowledge_base")
    return rows.filter(pk__in=_of_tenants(KnowledgeBaseDeletion, "knowledge_base__tenant")(user).values("pk"))


def _runs(user: AnyUser) -> QuerySet[Any]:
    measured = EvaluationResult.objects.filter(run=OuterRef("pk"))
    questions = EvaluationQuestion.objects.filter(evaluation_set=OuterRef("evaluation_set"))
    rows = _readable(EvaluationRun, "evaluation_set__knowledge_base")(user)
    counts = {"measured": _count(measured, "run"), "questions": _count(questions, "evaluation_set")}
    found: QuerySet[Any] = rows.select_related("evaluation_set__knowledge_base").annotate(**counts)
    return found


def _count(rows: QuerySet[Any], by: str) -> Coalesce:
    """As a subquery, so that only rows that are shown are counted for."""
    return Coalesce(Subquery(rows.order_by().values(by).annotate(n=Count("pk")).values("n")), 0)


def _erasures(user: AnyUser) -> QuerySet[Any]:
    return _of_tenants(Erasure, "tenant")(user).select_related("tenant")


def _tasks(user: AnyUser) -> QuerySet[ModelTask]:
    """All tenants share models, so only who was given the permission sees them."""
    may = is_superuser(user) or permissions_held(user).intersection(looking(ModelTask))
    return ModelTask.objects.all() if may else ModelTask.objects.none()


def _bulk_line(kind: JobKind, job: BulkJob, user: AnyUser) -> Line:
    bulk = bulk_of(job)
    under_way = job.state == BulkState.OPEN
    about = str(job.knowledge_base) if job.knowledge_base else _("Several knowledge bases")
    return Line(
        pk=job.pk, kind=kind.slug, icon=bulk.icon, title=str(bulk.doing), about=about, standing=kind.standing(job.state),
        result=said(job.error) if under_way else result_of(job), asked_by=actor_text(job.actor),
        asked_at=job.confirmed_at or job.created_at, ended_at=job.ended_at, url="", can_cancel=kind.can_cancel(job, user),
        progress=Progress(job.behind, job.total, _("%(n)s of %(total)s documents") % _counts(job.behind, job.total)),
        facts=[(_("Tags"), ", ".join(job.tags))] if job.tags else (),
    )  # fmt: skip


def _reindex_line(kind: JobKind, reindex: Reindex, user: AnyUser) -> Line:
    text, progress = reindex_progress(reindex).text, None
    if reindex.state == ReindexState.BUILDING and reindex.chunk_total:
        progress = Progress(reindex.chunk_done, reindex.chunk_total, text)
    return Line(
        pk=reindex.pk, kind=kind.slug, icon=kind.icon, about=str(reindex.knowledge_base), progress=progress,
        title=_("Going back to the previous index") if reindex.is_rollback else _("Re-indexing"),
        standing=kind.standing(reindex.state), asked_by=reindex.asked_by, asked_at=reindex.created_at,
        ended_at=reindex.ended_at, url=workspace_url(reindex.knowledge_base, "index"),
        result="" if progress else text,
        can_cancel=kind.can_cancel(reindex, user),
    )  # fmt: skip


def _run_line(kind: JobKind, run: Any, user: AnyUser) -> Line:
    measured, progress = run.measured, None
    if run.state in (RunState.WAITING, RunState.RUNNING):
        text = _("%(n)s of %(total)s questions") % _counts(measured, run.questions)
        progress = Progress(measured, run.questions, text)
    scored = run.metrics.get(f"ndcg@{run.k}")
    result = f"nDCG@{run.k} {number_shown(scored, 3)}. " if isinstance(scored, float) else ""
    base = run.evaluation_set.knowledge_base
    return Line(
        pk=run.pk, kind=kind.slug, icon=kind.icon, title=_("Evaluating %(set)s") % {"set": run.evaluation_set.name},
        about=str(base), standing=kind.standing(run.state), result=f"{result}{said(run.error)} {said(run.note)}".strip(),
        asked_by=run.asked_by, asked_at=run.created_at, ended_at=run.finished_at, url=row_url(run), progress=progress,
    )  # fmt: skip


def _task_line(kind: JobKind, task: ModelTask, user: AnyUser) -> Line:
    progress = None
    if task.state in TASK_OPEN and task.bytes_total:
        sizes = {"n": number_shown(task.bytes_done / 1e6), "total": number_shown(task.bytes_total / 1e6)}
        progress = Progress(task.bytes_done, task.bytes_total, _("%(n)s of %(total)s MB") % sizes)
    return Line(
        pk=task.pk, kind=kind.slug, icon=kind.icon, title=str(TASK_TITLES[TaskKind(task.kind)]), about=task.name,
        standing=kind.standing(task.state), result=said(task.error), asked_by=actor_text(task.actor), asked_at=task.created_at,
        ended_at=task.ended_at, url=row_url(task), progress=progress, can_cancel=kind.can_cancel(task, user),
        facts=[(name, value) for name, value in ((_("Revision"), task.revision), (_("Source"), task.source)) if value],
    )  # fmt: skip


def _deletion_line(kind: JobKind, deletion: KnowledgeBaseDeletion, user: AnyUser) -> Line:
    counts = _counts(deletion.document_gone, deletion.document_total)
    removing = deletion.state == DeletionState.REMOVING
    text = _("%(n)s of %(total)s documents") % counts
    return Line(
        pk=deletion.pk, kind=kind.slug, icon=kind.icon, title=_("Deleting a knowledge base"),
        about=str(deletion.knowledge_base), standing=kind.standing(deletion.state),
        result=said(deletion.error) if removing else deletion.in_words, asked_by=actor_text(deletion.actor),
        asked_at=deletion.created_at, ended_at=deletion.ended_at, url=row_url(deletion),
        progress=Progress(deletion.document_gone, deletion.document_total, text) if removing else None,
    )  # fmt: skip


def _erasure_line(kind: JobKind, erasure: Erasure, user: AnyUser) -> Line:
    return Line(
        pk=erasure.pk, kind=kind.slug, icon=kind.icon, title=str(ERASURE_TITLES[erasure.subject]),
        about=erasure_about(erasure), standing=kind.standing(erasure.state), result=erasure_result(erasure),
        asked_by=actor_text(erasure.actor), asked_at=erasure.created_at, ended_at=erasure.ended_at, url="",
        facts=erasure_facts(erasure), stays=erasure_stays(erasure), progress=erasure_progress(erasure),
    )  # fmt: skip


def _counts(n: int, total: int) -> dict[str, str]:
    return {"n": number_shown(n), "total": number_shown(total)}


def _may_cancel_bulk(job: BulkJob, user: Any) -> bool:
    return bool(job.user_id == user.pk or user.has_perm(bulk_of(job).kind.permission, job))


TASK_TITLES: dict[TaskKind, Words] = {
    TaskKind.PULL: gettext_lazy("Downloading a model"),
    TaskKind.VERIFY: gettext_lazy("Checking a model's files"),
    TaskKind.REMOVE: gettext_lazy("Removing a model's files"),
    TaskKind.FOLDER: gettext_lazy("Adding a model from a folder"),
}

JOB_KINDS: tuple[JobKind, ...] = (
    JobKind(
        "bulk", gettext_lazy("Changes to documents"), "checklist", rows=bulk_jobs_shown_to, line=_bulk_line,
        states={
            S.UNDER_WAY: [BulkState.OPEN], S.DONE: [BulkState.DONE], S.FAILED: [BulkState.FAILED],
            S.CANCELLED: [BulkState.CANCELLED],
        },
        cancel=lambda job, actor: bulk_job_cancel(job=job, actor=actor), cancellable=[BulkState.OPEN],
        cancel_question=gettext_lazy("It stops after the document that is just being done. What is done stays so."),
        may_cancel=_may_cancel_bulk,
    ),
    JobKind(
        "reindex", gettext_lazy("Re-indexes"), "database", line=_reindex_line,
        rows=lambda user: _readable(Reindex, "knowledge_base")(user).select_related("knowledge_base"),
        states={
            S.UNDER_WAY: REINDEX_WORKED_ON, S.WAITS: [ReindexState.READY, ReindexState.REFUSED],
            S.DONE: [ReindexState.SWITCHED], S.FAILED: [ReindexState.FAILED], S.CANCELLED: [ReindexState.CANCELLED],
        },
        cancel=lambda reindex, actor: reindex_cancel(reindex.knowledge_base, actor=actor),
        cancellable=REINDEX_WORKED_ON | {ReindexState.READY, ReindexState.REFUSED, ReindexState.FAILED},
        cancel_question=gettext_lazy("What was built is removed. The index that answers now goes on answering."),
        may_cancel=lambda row, user: any(
            user.has_perm(one, row.knowledge_base) for one in ("documents.change_knowledgebase", "retrieval.add_reindex")
        ),
    ),
    JobKind(
        "evaluation", gettext_lazy("Evaluations"), "monitoring", rows=_runs, line=_run_line,
        states={
            S.UNDER_WAY: [RunState.WAITING, RunState.RUNNING], S.DONE: [RunState.DONE], S.FAILED: [RunState.FAILED],
        },
    ),
    JobKind(
        "model", gettext_lazy("Work on models"), "neurology", rows=_tasks, line=_task_line,
        states={
            S.UNDER_WAY: TASK_OPEN, S.DONE: [TaskState.DONE], S.FAILED: [TaskState.FAILED],
            S.CANCELLED: [TaskState.CANCELLED],
        },
        cancel=lambda task, actor: model_task_cancel(task_id=task.pk, actor=actor), cancellable=[TaskState.OPEN],
        cancel_question=gettext_lazy("What was downloaded so far is removed. A folder that is being added stays as it is."),
        may_cancel=lambda task, user: task.kind != TaskKind.REMOVE and user.has_perm("model_registry.change_modeltask"),
    ),
    JobKind(
        "deletion", gettext_lazy("Deletions of knowledge bases"), "delete_sweep", rows=_deletions, line=_deletion_line,
        states={
            S.UNDER_WAY: [DeletionState.REMOVING], S.DONE: [DeletionState.DONE], S.FAILED: [DeletionState.FAILED],
        },
    ),
    JobKind(
        "erasure", gettext_lazy("Erasures"), "person_remove", rows=_erasures, line=_erasure_line,
        states={
            S.UNDER_WAY: [ErasureState.ERASING], S.DONE: [ErasureState.DONE], S.FAILED: [ErasureState.FAILED],
        },
    ),
)  # fmt: skip


def job_kind(slug: str) -> JobKind | None:
    return next((kind for kind in JOB_KINDS if kind.slug == slug), None)


def in_standing(kind: JobKind, rows: QuerySet[Any], standing: Standing | None) -> QuerySet[Any]:
    """Those of the rows that stand there; all without one."""
    return rows if standing is None else rows.filter(state__in=kind.states.get(standing, ()))
