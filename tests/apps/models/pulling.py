"""Downloads in tests: of one model that a hub offers, worked on without waiting."""

from __future__ import annotations

import math
from typing import Any

from django.db.models.functions import Now

from apps.models.models import (
    ModelTask,
    ModelVersion,
)
from apps.models.services.store import Place
from apps.models.services.tasks import MODEL_TASK, model_pull
from ragsite.core.models import OutboxEvent
from ragsite.core.work import Turn
from tests import turns
from tests.acting import user
from workers.jobs import job_named
from workers.running import job_run

NAME, COMMIT = "acme/tiny", "0123456789abcdef0123456789abcdef01234567"


def ask(**more: Any) -> ModelTask:
    return model_pull(source=NAME, revision=COMMIT, actor=user("ada"), **more)


def work(task: ModelTask, *, turn: Turn | None = None, claims: int = 8) -> ModelTask:
    """What workers make of a task, claim after claim, without waiting between them."""
    for _ in range(claims):
        ModelTask.objects.filter(pk=task.pk).update(not_before=Now())
        if not job_run(job_named(MODEL_TASK), turn=turn or turns.long()):
            break
    task.refresh_from_db()
    return task


def until_weights_come() -> Turn:
    """A turn that is over in the middle of the weights, which are larger than one piece of an answer."""
    part = Place.of(NAME, COMMIT).partial / "model.safetensors.part"
    return Turn(math.inf, lambda: part.is_file() and part.stat().st_size > 0)


def version() -> ModelVersion:
    return ModelVersion.objects.select_related("model").get()


def told() -> list[tuple[str, str]]:
    rows = OutboxEvent.objects.filter(type__startswith="model.").order_by("id")
    return [(row.type, row.payload.get("status", "")) for row in rows]


def nothing_is_left() -> bool:
    partial = Place.of(NAME, COMMIT)
    return not partial.partial.exists() and not partial.whole.exists()
