"""Questions that belong together, and what people think of the answers."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ragsite.core.bounds import ANSWER, CONTENT, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.gateway.models import ApiKey, Tenant

LONGEST_TITLE = 200
LONGEST_COMMENT = 2_000


class Conversation(models.Model):
    """A row of questions of one caller, each understood in the light of those before it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="conversations")
    begun_by = models.CharField(max_length=120)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.SET_NULL, related_name="+")
    title = models.CharField(
        max_length=LONGEST_TITLE, blank=True, default="", help_text=_("The first question, if none was given.")
    )
    knowledge_base_ids = models.JSONField(
        default=list,
        blank=True,
        help_text=_("What is searched unless a question says otherwise; empty for all there are."),
    )
    turn_count = models.PositiveIntegerField(default=0, help_text=_("Questions that were answered in it."))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_at = models.DateTimeField(db_default=Now(), editable=False, help_text=_("When the last one was answered."))

    class Meta:
        ordering: ClassVar = ["-last_at", "-id"]
        constraints: ClassVar = [*json_walls("conversation", knowledge_base_ids=ANSWER)]
        indexes: ClassVar = [models.Index(fields=["-last_at", "-id"], name="conversation_newest")]

    def __str__(self) -> str:
        return self.title[:80] or gettext("Nothing asked yet")


class Rating(models.TextChoices):
    UP = "up", _("Good")
    DOWN = "down", _("Bad")


class AnswerFeedback(models.Model):
    """What the one who asked thinks of an answer."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    answer = models.OneToOneField("retrieval.Answer", on_delete=models.CASCADE, related_name="feedback")
    rating = models.CharField(max_length=4, choices=Rating.choices)
    comment = models.TextField(max_length=LONGEST_COMMENT, blank=True, default="")
    rated_by = models.CharField(max_length=120)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    rated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(rating__in=Rating.values), name="answer_feedback_rating_known"),
            *text_walls("answer_feedback", comment=CONTENT),
        ]

    def __str__(self) -> str:
        return Rating(self.rating).label + (f": {self.comment[:60]}" if self.comment else "")
