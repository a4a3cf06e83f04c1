"""Something that is done with many documents, one after the other, by a worker."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.documents.models.knowledge_bases import KnowledgeBase
from ragsite.core.bounds import CONTENT, WORDS, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased
from ragsite.gateway.models import Tenant


class BulkState(models.TextChoices):
    """ASKED: the documents are counted and noted, and somebody is asked whether it is meant."""

    ASKED = "asked", "Waiting to be confirmed"
    OPEN = "open", "Under way"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class BulkJob(Leased):
    """`documents` are fixed when it is asked for, in the order in which they are taken, and forgotten at its end: `done` and
    `refused` of them are behind it. It is done with the rights of `user`, as they are when a document's turn comes. `attempts`
    counts the starts since the last progress.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="bulk_jobs")
    knowledge_base = models.ForeignKey(
        KnowledgeBase, null=True, on_delete=models.CASCADE, related_name="bulk_jobs", help_text="None for several."
    )
    kind = models.CharField(max_length=20, help_text="What is done with each.")
    tags = ArrayField(models.TextField(), default=list, blank=True)
    documents = ArrayField(models.UUIDField(), default=list, blank=True, editable=False)
    state = models.CharField(max_length=10, choices=BulkState.choices, default=BulkState.ASKED)
    total = models.PositiveIntegerField(help_text="Documents it was confirmed for.")
    done = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    refusals = models.JSONField(default=list, help_text="The first documents that were refused, with the reasons.")
    error = models.TextField(blank=True, default="")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="bulk_jobs")
    actor = models.JSONField(null=True, editable=False, help_text="Who asked for it.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    confirmed_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = "bulk job"
        verbose_name_plural = "bulk jobs"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=BulkState.values), name="bulk_job_state_known"),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="failed_bulk_job_says_why"),
            models.CheckConstraint(
                condition=Q(total__gte=F("done") + F("refused")), name="bulk_job_does_no_more_than_all"
            ),
            *text_walls("bulk_job", error=WORDS),
            *json_walls("bulk_job", tags=WORDS, documents=CONTENT, refusals=CONTENT, actor=WORDS),
        ]
        indexes: ClassVar = [
            models.Index(fields=["not_before", "id"], condition=Q(state="open"), name="bulk_job_work"),
            models.Index(fields=["created_at"], condition=Q(state="asked"), name="bulk_job_asked"),
            models.Index(fields=["tenant", "-id"], name="bulk_job_of_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.total:,}"

    @property
    def behind(self) -> int:
        """Documents whose turn has been."""
        return self.done + self.refused
