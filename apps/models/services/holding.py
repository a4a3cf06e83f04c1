"""What model workers hold in memory, as they say themselves, and what they are told to load and unload."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Now

from apps.models.events import ModelLoaded, ModelUnloaded
from apps.models.held_model import HeldModel
from apps.models.models import MODEL_USABLE, Model, ModelCache, ModelOrder, ModelTask, ModelVersion, OrderKind
from apps.models.services.versions import told_of, version_found
from ragsite.core.actors import Actor, change_log
from ragsite.core.bites import bites, rows_bite
from ragsite.core.errors import ConflictError
from ragsite.core.locking import rows_hold
from ragsite.core.models import WorkerPresence
from ragsite.core.outbox import emit
from ragsite.core.presence import GONE_SECONDS
from ragsite.core.work import Turn

ORDER_SECONDS = 60
"""How long an order is looked for: a worker that starts later does not follow it."""

RECENT = timedelta(days=1)
FORGOTTEN = timedelta(days=7)
TASKS_FORGOTTEN = timedelta(days=30)
"""Of downloads, checks and removals that have ended: people look up why one failed."""

POLL_SECONDS = 0.5


def cache_tell(worker: str, held: Iterable[HeldModel], *, actor: Actor) -> None:
    """Note what a worker holds now, and tell what it did not hold before, or holds no longer."""
    now = {one.version_id: one for one in held}
    with transaction.atomic():
        before = {row.version_id: row for row in _held_by(worker)}
        gone = [row for row in before.values() if _is_another(row, now.get(row.version_id))]
        fresh = [pk for pk in now if pk not in before or before[pk] in gone]
        changed = _hold_models([*(row.version_id for row in gone), *fresh])
        _unload([row for row in gone if row.version_id in changed], actor=actor)
        for one in now.values():
            if one.version_id in fresh and one.version_id not in changed:
                continue  # It was removed meanwhile.
            _note(worker, one)
        loaded = [ModelLoaded(**_told(changed[pk], worker, now[pk])) for pk in fresh if pk in changed]
        emit(*loaded, actor=actor)


def cache_expire(turn: Turn) -> bool:
    """Note that what silent workers held is held no more, and forget what was not used for long, orders, and tasks that ended
    long ago; whether some is left.
    """
    silent = ModelCache.objects.filter(is_held=True, told_at__lt=Now() - timedelta(seconds=GONE_SECONDS))
    for worker in sorted(set(silent.values_list("worker", flat=True))):
        cache_tell(worker, (), actor=Actor.of_job("models-expire"))
    old = ModelCache.objects.filter(is_held=False, last_used_at__lt=Now() - FORGOTTEN).order_by("id")
    orders = ModelOrder.objects.filter(created_at__lt=Now() - FORGOTTEN).order_by("id")
    tasks = ModelTask.objects.filter(ended_at__lt=Now() - TASKS_FORGOTTEN).order_by("id")
    return bites(turn, lambda: any([rows_bite(old), rows_bite(orders), rows_bite(tasks)]))


def models_held() -> QuerySet[ModelCache]:
    """What workers hold that were heard of lately."""
    rows = ModelCache.objects.filter(is_held=True, told_at__gte=Now() - timedelta(seconds=GONE_SECONDS))
    return rows.select_related("version__model")


def models_worth_loading(worker: str) -> list[ModelVersion]:
    """What a worker that starts may load beforehand: what it kept loaded before, then what was used most in the last day."""
    recent = ModelCache.objects.filter(last_used_at__gte=Now() - RECENT)
    used = recent.values("version").annotate(total=Sum("uses"), mine=Sum("uses", filter=Q(worker=worker, pinned=True)))
    ranked = used.order_by(F("mine").desc(nulls_last=True), "-total").values_list("version", flat=True)
    found = ModelVersion.objects.select_related("model").in_bulk(list(ranked))
    return [found[pk] for pk in ranked if pk in found and found[pk].status in MODEL_USABLE]


def pinned_before(worker: str) -> frozenset[UUID]:
    """What a worker of that name kept loaded when it was there last."""
    rows = ModelCache.objects.filter(worker=worker, pinned=True, last_used_at__gte=Now() - FORGOTTEN)
    return frozenset(rows.values_list("version_id", flat=True))


def model_order(*, version_id: UUID, kind: OrderKind, worker: str = "", actor: Actor) -> ModelOrder:
    """Tell the model workers, or one of them, to load or unload a version.

    Raises:
        ModelNotFoundError: there is no such version.
        ConflictError: its files are not whole, or a server of its own runs it.
    """
    version = version_found(version_id)
    if version.is_remote:
        raise ConflictError(f"{version} is run by a server, which keeps it loaded itself: there is nothing to do here.")
    if kind != OrderKind.UNLOAD and version.status not in MODEL_USABLE:
        raise ConflictError(f"{version} is {version.status} and cannot be loaded.", action="Pull or verify it.")
    with transaction.atomic():
        order = ModelOrder.objects.create(version=version, kind=kind, worker=worker, actor=actor.as_dict())
        what, details = f"model workers were told to {kind} {version}", {"kind": kind, "worker": worker}
        change_log(what, actor=actor, action="model_order.given", of=version, details=details)
    return order


def orders_new(worker: str, *, done: Collection[UUID]) -> list[ModelOrder]:
    """What this worker was told lately and has not done."""
    lately = ModelOrder.objects.filter(created_at__gte=Now() - timedelta(seconds=ORDER_SECONDS))
    mine = lately.filter(worker__in=["", worker]).exclude(pk__in=done)
    return list(mine.select_related("version__model").order_by("pk"))


def order_answer(order: ModelOrder, *, worker: str, words: str) -> None:
    """Keep in words what came of an order in a worker."""
    with transaction.atomic():
        held = ModelOrder.objects.select_for_update(no_key=True).filter(pk=order.pk).first()
        if held is not None:
            held.answers = {**held.answers, worker: words}
            held.save(update_fields=["answers"])


def order_answers(order: ModelOrder, *, workers: Sequence[str], seconds: float) -> Mapping[str, str]:
    """What the workers answered, as soon as all have, or within so many seconds."""
    until = time.monotonic() + seconds
    while True:
        order.refresh_from_db(fields=["answers"])
        if not set(workers) - order.answers.keys() or time.monotonic() >= until:
            answers: dict[str, str] = order.answers
            return answers
        time.sleep(POLL_SECONDS)


def workers_with_models() -> list[str]:
    """The model workers that were heard of lately: that they are there, or what they hold, which a new one says earlier."""
    lately = WorkerPresence.objects.filter(seen_at__gte=Now() - timedelta(seconds=GONE_SECONDS))
    listening = lately.filter(jobs__contains=["embed"]).values_list("worker", flat=True)
    return sorted({*listening, *models_held().values_list("worker", flat=True)})


def _held_by(worker: str) -> list[ModelCache]:
    return list(ModelCache.objects.filter(worker=worker, is_held=True))


def _is_another(row: ModelCache, held: HeldModel | None) -> bool:
    """Whether what was held is not what is: it is gone, or was loaded again."""
    return held is None or abs(held.loaded_at - row.loaded_at) > timedelta(seconds=1)


def _hold_models(version_ids: Sequence[UUID]) -> dict[UUID, ModelVersion]:
    """The versions, with their models locked, as events of a model are in order."""
    if not version_ids:
        return {}
    rows_hold(Model.objects.filter(versions__in=version_ids).order_by())
    return ModelVersion.objects.select_related("model").in_bulk(version_ids)


def _unload(rows: Sequence[ModelCache], *, actor: Actor) -> None:
    ModelCache.objects.filter(pk__in=[row.pk for row in rows]).update(is_held=False)
    versions = ModelVersion.objects.select_related("model").in_bulk([row.version_id for row in rows])
    emit(*(ModelUnloaded(**_told(versions[row.version_id], row.worker, row)) for row in rows), actor=actor)


def _note(worker: str, held: HeldModel) -> None:
    columns: dict[str, Any] = {
        "device": held.device, "bytes": held.bytes, "uses": held.uses, "pinned": held.pinned, "is_held": True,
        "loaded_at": held.loaded_at, "last_used_at": held.last_used_at, "told_at": Now(),
    }  # fmt: skip
    ModelCache.objects.update_or_create(worker=worker, version_id=held.version_id, defaults=columns)


def _told(version: ModelVersion, worker: str, held: HeldModel | ModelCache) -> dict[str, Any]:
    return {**told_of(version), "worker": worker, "device": held.device, "bytes": held.bytes}
