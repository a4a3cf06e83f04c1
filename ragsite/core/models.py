"""What every part of the system keeps: events to send and seen, workers, jobs of the clock, walks, copies of blobs."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ragsite.core.audit.models import AuditCheckpoint, AuditEntry, AuditSeal, AuditWaiting
from ragsite.core.bounds import ANSWER, WORDS, json_walls, text_walls
from ragsite.core.dynamic.models import SettingChange
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased

__all__ = [
    "DEAD", "SHARDS", "AuditCheckpoint", "AuditEntry", "AuditSeal", "AuditWaiting", "BlobCopy", "InboxEvent", "OutboxEvent",
    "QueueSample", "ScheduledJob", "SettingChange", "Walk", "WorkerPresence",
]  # fmt: skip

SHARDS = 4
DEAD = models.Q(sent_at__isnull=False) & ~models.Q(error="")
"""The outbox events that were given up: they left for the topic of dead letters, and keep the reason."""


class OutboxEvent(models.Model):
    """An event, committed with the change it reports, until the relay has published it.

    Rows of one key are inserted while the key's aggregate is locked, so their ids are in commit order. The table is partitioned
    by the day of `created_at`: see outbox_days.py. No partition sees what another has, so that `id` is unique by its sequence
    and `event_id` by how it is made.
    """

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(default=new_id, editable=False)
    tenant_id = models.UUIDField(null=True)
    type = models.CharField(max_length=80)
    key = models.CharField(max_length=80, help_text=_("The aggregate's id: order holds per key."))
    shard = models.PositiveSmallIntegerField(editable=False)
    payload = models.JSONField(default=dict)
    actor = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(db_default=Now())
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["shard", "id"], condition=models.Q(sent_at=None), name="outbox_unsent"),
            models.Index(fields=["sent_at"], condition=models.Q(sent_at__isnull=False), name="outbox_sent"),
            models.Index(fields=["sent_at"], condition=DEAD, name="outbox_dead"),
            models.Index(fields=["event_id"], name="outbox_event"),
            models.Index(fields=["key"], condition=models.Q(sent_at=None, attempts__gt=0), name="outbox_failing"),
        ]
        constraints: ClassVar = [
            *text_walls("outbox", error=WORDS),
            *json_walls("outbox", payload=ANSWER, actor=WORDS),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.key}"


class InboxEvent(models.Model):
    """An event that a consumer has had the effect of, so that it has none when it is delivered again."""

    id = models.BigAutoField(primary_key=True)
    consumer = models.CharField(max_length=40)
    event_id = models.UUIDField()
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["consumer", "event_id"], name="inbox_event_once")]
        indexes: ClassVar = [models.Index(fields=["seen_at"], name="inbox_seen")]

    def __str__(self) -> str:
        return f"{self.consumer} {self.event_id}"


class Walk(models.Model):
    """How far a walk through very many things has got, for the process that continues it after an interruption."""

    name = models.CharField(max_length=40, primary_key=True)
    position = models.CharField(max_length=200, blank=True, default="")
    walked_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class BlobCopy(models.Model):
    """A blob in the second store: written down before it is copied, so that no copy is there which nobody knows of.

    `place` stands for the store that it was copied to, which another setting makes another one.
    """

    name = models.CharField(max_length=200, primary_key=True)
    place = models.CharField(max_length=16)
    copied_at = models.DateTimeField(null=True, help_text=_("When the copy was whole; none while it is made."))
    error = models.CharField(
        max_length=20, blank=True, default="", db_default="", help_text=_("What the first store did.")
    )
    not_before = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["name"], condition=~models.Q(error=""), name="blob_copy_failed"),
        ]
        verbose_name = _("copy of a file")
        verbose_name_plural = _("copies of files")

    def __str__(self) -> str:
        return self.name


class WorkerPresence(models.Model):
    """A worker process, the jobs it listens for, and when it was last heard of."""

    worker = models.CharField(max_length=120, primary_key=True)
    jobs = ArrayField(models.CharField(max_length=40))
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["worker"]
        verbose_name_plural = _("workers")
        verbose_name = _("worker")
        constraints: ClassVar = json_walls("worker", jobs=WORDS)

    def __str__(self) -> str:
        return self.worker


class QueueSample(models.Model):
    """How much waited behind a queue at a moment, of all tenants, and how long the first of it had."""

    id = models.BigAutoField(primary_key=True)
    queue = models.CharField(max_length=40)
    at = models.DateTimeField(db_default=Now())
    waiting = models.PositiveIntegerField()
    seconds = models.FloatField(help_text=_("How long the first of it had waited; 0 where nothing did."))

    class Meta:
        indexes: ClassVar = [models.Index(fields=["at"], name="queue_sample_at")]

    def __str__(self) -> str:
        return f"{self.queue} {self.at:%Y-%m-%d %H:%M}"


class ScheduledJob(Leased):
    """A job that runs by the clock: who is at it, when it ran last, and why it did not end well."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=40, unique=True)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False, help_text=_("When it last ended well."))
    error = models.TextField(blank=True, default="", help_text=_("Why it did not, since then."))

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = text_walls("scheduled_job", error=WORDS)

    def __str__(self) -> str:
        return self.name
