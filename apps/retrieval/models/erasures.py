"""The erasing of somebody's or something's traces, with its report."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ragsite.core.bounds import WORDS, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased
from ragsite.gateway.models import Tenant


class ErasureSubject(models.TextChoices):
    DOCUMENT = "document", _("Document")
    USER = "user", _("User")
    TENANT = "tenant", _("Tenant")


class ErasureState(models.TextChoices):
    ERASING = "erasing", _("Being erased")
    DONE = "done", _("Erased")
    FAILED = "failed", _("Failed; asking for it again resumes it")


class Erasure(Leased):
    """All traces of a subject in a tenant being erased, step by step; `steps` of them are behind it.

    It knows its subject by an id and never by a name. `found` and `erased` count by what is erased, `kept` says what stays and
    why. `attempts` counts the starts since the last progress.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="erasures")
    subject = models.CharField(max_length=10, choices=ErasureSubject.choices)
    subject_id = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=ErasureState.choices, default=ErasureState.ERASING)
    steps = models.PositiveSmallIntegerField(default=0)
    found = models.JSONField(default=dict)
    erased = models.JSONField(default=dict)
    kept = models.JSONField(default=list)
    error = models.TextField(blank=True, default="")
    actor = models.JSONField(null=True, editable=False, help_text=_("Who asked for it."))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(subject__in=ErasureSubject.values), name="erasure_subject_known"),
            models.CheckConstraint(condition=Q(state__in=ErasureState.values), name="erasure_state_known"),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="failed_erasure_says_why"),
            models.UniqueConstraint(
                fields=["tenant", "subject", "subject_id"], condition=~Q(state="done"), name="erasure_once_at_a_time"
            ),
            *text_walls("erasure", error=WORDS),
            *json_walls("erasure", found=WORDS, erased=WORDS, kept=WORDS, actor=WORDS),
        ]
        indexes: ClassVar = [
            models.Index(fields=["not_before", "id"], condition=Q(state="erasing"), name="erasure_work"),
            models.Index(fields=["tenant", "-id"], name="erasure_of_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.subject_id}"
