"""The record of questions, their answers and what these rest on."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.documents.models import DocumentVersion
from apps.retrieval.models.conversations import Conversation
from ragsite.core.bounds import ANSWER, CONTENT, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.gateway.models import ApiKey, Tenant


class Query(models.Model):
    """A question somebody asked."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="queries")
    asked_by = models.CharField(max_length=120)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.SET_NULL, related_name="+")
    question = models.TextField()
    searched_for = models.TextField(
        default="",
        db_default="",
        blank=True,
        help_text=_("As it was understood in its conversation; empty if as asked."),
    )
    conversation = models.ForeignKey(
        Conversation, null=True, blank=True, on_delete=models.CASCADE, related_name="turns", db_index=False
    )
    turn = models.PositiveIntegerField(null=True, blank=True, help_text=_("Its place in the conversation, from 1."))
    knowledge_base_ids = models.JSONField(default=list)
    options = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField()), blank=True,
        help_text=_("What the caller asked for beside the question."),
    )  # fmt: skip
    trace_id = models.CharField(
        max_length=32, default="", db_default="", blank=True, editable=False,
        help_text=_("The trace that asking it was part of; empty if of none."),
    )  # fmt: skip
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation", "turn"],
                condition=models.Q(conversation__isnull=False),
                name="query_turn_of_conversation",
            ),
            models.CheckConstraint(
                condition=models.Q(conversation=None) | models.Q(turn__isnull=False),
                name="query_of_conversation_has_turn",
            ),
            *text_walls("query", question=CONTENT, searched_for=CONTENT),
            *json_walls("query", knowledge_base_ids=ANSWER, options=ANSWER),
        ]

    def __str__(self) -> str:
        return self.question[:80]


class Answer(models.Model):
    """What was answered, by what, and how long each step took."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    query = models.OneToOneField(Query, on_delete=models.CASCADE, related_name="answer")
    text = models.TextField()
    found = models.BooleanField(help_text=_("Whether the documents held an answer."))
    generator = models.CharField(max_length=80)
    citation_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text=_("As it was given; a purge takes citations away.")
    )
    milliseconds = models.JSONField(default=dict, help_text=_("Each step of the pipeline."))
    timeline = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()), blank=True, editable=False,
        help_text=_("When each step was taken, and each call of a model."),
    )  # fmt: skip
    degraded = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()), blank=True,
        help_text=_("Steps that could not be done, and what was done instead."),
    )  # fmt: skip
    statements = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()), blank=True,
        help_text=_("Each statement with its verdict, those left out of the text with it."),
    )  # fmt: skip
    passages = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()), blank=True,
        help_text=_("Spans of the passages that were found, best first."),
    )  # fmt: skip
    searched = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField()), blank=True,
        help_text=_("How was searched, and how many chunks each step left."),
    )  # fmt: skip
    model = models.CharField(max_length=200, default="", db_default="", blank=True, help_text=_("Which one wrote it."))
    prompt = models.CharField(
        max_length=80, default="", db_default="", blank=True, help_text=_("The version of what it was told.")
    )
    usage = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField()), blank=True,
        help_text=_("Tokens it read and wrote."),
    )  # fmt: skip
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            *text_walls("answer", text=CONTENT),
            *json_walls(
                "answer",
                milliseconds=CONTENT,
                timeline=ANSWER,
                degraded=ANSWER,
                statements=ANSWER,
                passages=ANSWER,
                searched=CONTENT,
                usage=CONTENT,
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class Citation(models.Model):
    """The span of a document version that a claim of an answer rests on."""

    id = models.BigAutoField(primary_key=True)
    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, related_name="citations")
    claim = models.PositiveSmallIntegerField(help_text=_("Which sentence of the answer, from 0."))
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="citations", db_index=False)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    quote = models.TextField()
    heading_path = models.JSONField(default=list)
    place = models.JSONField(null=True, blank=True)
    score = models.FloatField(
        help_text=_("How well the quote meets the question, as the answer's generator scores it.")
    )

    class Meta:
        ordering: ClassVar = ["answer", "claim", "id"]
        indexes: ClassVar = [models.Index(fields=["version", "-id"], name="citation_of_version")]
        constraints: ClassVar = [
            *text_walls("citation", quote=CONTENT),
            *json_walls("citation", heading_path=CONTENT, place=CONTENT),
        ]

    def __str__(self) -> str:
        return self.quote[:80]
