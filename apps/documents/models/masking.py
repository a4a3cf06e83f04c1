"""What masking keeps: the originals of texts that are shown with masks, and how far a change of it has come."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.documents.models.knowledge_bases import KnowledgeBase
from apps.documents.models.versions import DocumentVersion
from ragsite.core.bounds import WORDS, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased
from ragsite.core.numbers import number_shown
from ragsite.core.sentences import said


class OriginalText(models.Model):
    """What a version says where its `ParsedText` has masks instead. Only indexing reads it; the role of readers may not."""

    version = models.OneToOneField(DocumentVersion, on_delete=models.CASCADE, primary_key=True, related_name="original")
    text = models.TextField()
    sections = models.JSONField(default=list)
    title = models.CharField(max_length=300, blank=True, default="")
    metadata = models.JSONField(default=dict)


class MaskingState(models.TextChoices):
    APPLYING = "applying", _("Being applied")
    DONE = "done", _("Applied")
    FAILED = "failed", _("Failed; saving the setting again resumes it")


class MaskingChange(Leased):
    """A knowledge base's masking being applied to the documents that were there, and to what was said of them.

    `walked_to` is the last version or question that was looked at, `answers` whether the versions are behind it. `attempts`
    counts the starts since the last progress.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    knowledge_base = models.OneToOneField(KnowledgeBase, on_delete=models.CASCADE, related_name="masking_change")
    state = models.CharField(max_length=10, choices=MaskingState.choices, default=MaskingState.APPLYING)
    walked_to = models.UUIDField(null=True, editable=False)
    answers = models.BooleanField(default=False, editable=False)
    version_total = models.PositiveIntegerField(default=0, help_text=_("Versions that there were when it was changed."))
    version_done = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    actor = models.JSONField(null=True, editable=False, help_text=_("Who asked for it."))
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=MaskingState.values), name="masking_change_state_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="failed") | ~models.Q(error=""), name="failed_masking_change_says_why"
            ),
            *text_walls("masking_change", error=WORDS),
            *json_walls("masking_change", actor=WORDS),
        ]
        indexes: ClassVar = [
            models.Index(fields=["not_before", "id"], condition=models.Q(state="applying"), name="masking_change_work"),
        ]

    def __str__(self) -> str:
        return str(self.knowledge_base_id)

    @property
    def in_words(self) -> str:
        """How far it has come; nothing once it is applied."""
        if self.state == MaskingState.DONE:
            return ""
        told = gettext("Being applied: %(done)s of %(total)s versions are done.") % {
            "done": number_shown(min(self.version_done, self.version_total)),
            "total": number_shown(self.version_total),
        }
        if self.state == MaskingState.FAILED:
            return gettext("%(told)s It stopped there: %(error)s Save again to go on.") % {
                "told": told,
                "error": said(self.error),
            }
        return told
