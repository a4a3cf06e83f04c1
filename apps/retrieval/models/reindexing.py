"""A re-index: a generation that is built beside the live one, and how far that has come."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.documents.models import KnowledgeBase
from ragsite.core.bounds import CONTENT, WORDS, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased


class ReindexState(models.TextChoices):
    BUILDING = "building", _("Building beside the live generation")
    COMPARING = "comparing", _("Comparing the two generations")
    READY = "ready", _("Ready to answer, when somebody says so")
    REFUSED = "refused", _("Not switched: the quality fell")
    SWITCHING = "switching", _("Being brought up to date, then it answers")
    SWITCHED = "switched", _("Answers searches")
    FAILED = "failed", _("Failed; it can be resumed")
    CANCELLED = "cancelled", _("Cancelled")


REINDEX_WORKED_ON = frozenset({ReindexState.BUILDING, ReindexState.COMPARING, ReindexState.SWITCHING})
"""States in which there is something for a worker to do."""

REINDEX_ENDED = frozenset({ReindexState.SWITCHED, ReindexState.CANCELLED})

REINDEX_TRANSITIONS: dict[ReindexState, frozenset[ReindexState]] = {
    ReindexState.BUILDING: frozenset({ReindexState.COMPARING, ReindexState.FAILED, ReindexState.CANCELLED}),
    ReindexState.COMPARING: frozenset(
        {
            ReindexState.READY,
            ReindexState.REFUSED,
            ReindexState.SWITCHING,
            ReindexState.FAILED,
            ReindexState.CANCELLED,
        }
    ),
    ReindexState.READY: frozenset({ReindexState.SWITCHING, ReindexState.CANCELLED}),
    ReindexState.REFUSED: frozenset({ReindexState.SWITCHING, ReindexState.CANCELLED}),
    ReindexState.SWITCHING: frozenset({ReindexState.SWITCHED, ReindexState.FAILED, ReindexState.CANCELLED}),
    ReindexState.FAILED: frozenset({ReindexState.BUILDING, ReindexState.SWITCHING, ReindexState.CANCELLED}),
    ReindexState.SWITCHED: frozenset(),
    ReindexState.CANCELLED: frozenset(),
}
"""What may follow what. A roll-back begins at SWITCHING: its generation has answered before."""


class SwitchMode(models.TextChoices):
    AUTO = "auto", _("When the quality does not fall")
    MANUAL = "manual", _("When somebody says so")


class Reindex(Leased):
    """`attempts` counts the starts since the last progress. A knowledge base has at most one that has not ended."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    knowledge_base = models.ForeignKey(KnowledgeBase, on_delete=models.CASCADE, related_name="reindexes")
    generation = models.ForeignKey(
        "retrieval.IndexGeneration", null=True, on_delete=models.SET_NULL, related_name="reindexes"
    )
    previous = models.ForeignKey(
        "retrieval.IndexGeneration",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_("The generation that answered before."),
    )
    is_rollback = models.BooleanField(default=False, help_text=_("Whether the generation has answered before."))
    switch = models.CharField(max_length=10, choices=SwitchMode.choices, default=SwitchMode.AUTO)
    margin = models.FloatField(default=0.02, help_text=_("How far nDCG@10 may fall before the switch is refused."))
    state = models.CharField(max_length=10, choices=ReindexState.choices, default=ReindexState.BUILDING)
    asked_by = models.CharField(max_length=120)
    switched_by = models.CharField(max_length=120, blank=True, default="")
    actor = models.JSONField(null=True, editable=False, help_text=_("Who last asked for something of it."))
    chunk_total = models.PositiveIntegerField(default=0, help_text=_("Chunks there were to be had when it began."))
    chunk_done = models.PositiveIntegerField(default=0)
    embedded = models.PositiveIntegerField(default=0, help_text=_("Vectors that a model made."))
    reused = models.PositiveIntegerField(default=0, help_text=_("Vectors that were there already."))
    seconds = models.FloatField(default=0.0, help_text=_("Time that was worked on it."))
    walked_to = models.UUIDField(
        null=True, editable=False, help_text=_("The last version of the first walk through all.")
    )
    is_walked = models.BooleanField(default=False, editable=False)
    comparison = models.JSONField(default=list, help_text=_("For each evaluation set nDCG@10 before and after."))
    note = models.TextField(blank=True, default="")
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("re-index")
        verbose_name_plural = _("re-indexes")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["knowledge_base"],
                condition=~Q(state__in=sorted(REINDEX_ENDED)),
                name="reindex_one_of_knowledge_base",
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="failed_reindex_says_why"),
            models.CheckConstraint(condition=Q(margin__gte=0, margin__lte=1), name="reindex_margin_is_share"),
            *text_walls("reindex", note=WORDS, error=WORDS),
            *json_walls("reindex", actor=WORDS, comparison=CONTENT),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(state__in=sorted(REINDEX_WORKED_ON)), name="reindex_work"),
        ]

    def __str__(self) -> str:
        kind = "Roll-back" if self.is_rollback else "Re-index"
        return f"{kind} of {self.knowledge_base}, {self.created_at:%Y-%m-%d %H:%M}"
