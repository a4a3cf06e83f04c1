"""How one document would be cut: asked for on a page, found out by the worker that cuts."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.documents.models import DocumentVersion, KnowledgeBase
from ragsite.core.bounds import CONTENT, WORDS, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased


class PreviewState(models.TextChoices):
    OPEN = "open", "Being cut"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class CutPreview(Leased):
    """Of a version's text and chunking settings the first cuts, and how many chunks there would be of how many tokens.

    `spans` are (start, end, tokens, heading path); none of them quotes the text.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    knowledge_base = models.ForeignKey(KnowledgeBase, on_delete=models.CASCADE, related_name="+")
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    chunking = models.JSONField()
    state = models.CharField(max_length=10, choices=PreviewState.choices, default=PreviewState.OPEN)
    spans = models.JSONField(default=list)
    chunk_total = models.PositiveIntegerField(default=0)
    median_tokens = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    actor = models.JSONField(null=True, editable=False, help_text="Who asked for it.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = "preview of a cut"
        verbose_name_plural = "previews of cuts"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=PreviewState.values), name="cut_preview_state_known"),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="failed_cut_preview_says_why"),
            *text_walls("cut_preview", error=WORDS),
            *json_walls("cut_preview", chunking=CONTENT, spans=CONTENT, actor=WORDS),
        ]
        indexes: ClassVar = [
            models.Index(fields=["not_before", "id"], condition=Q(state="open"), name="cut_preview_work"),
            models.Index(fields=["created_at"], name="cut_preview_age"),
        ]

    def __str__(self) -> str:
        return f"{self.version}, {self.chunking}"
