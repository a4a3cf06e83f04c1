"""What a search is measured by, and the results."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.retrieval.models.modes import Mode
from ragsite.core.bounds import ANSWER, CONTENT, LONGEST_TEXT, WORDS, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased


class EvaluationSet(models.Model):
    """Questions to one knowledge base, with what is relevant to each."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    knowledge_base = models.ForeignKey(KnowledgeBase, on_delete=models.CASCADE, related_name="evaluation_sets")
    name = models.CharField(max_length=120)
    description = models.TextField(max_length=LONGEST_TEXT, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["knowledge_base", "name"], name="evaluation_set_name_of_knowledge_base"),
            *text_walls("evaluation_set", description=CONTENT),
        ]

    def __str__(self) -> str:
        return self.name


class EvaluationQuestion(models.Model):
    """A question of a set. `external_id` is its id where it was imported from."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    evaluation_set = models.ForeignKey(EvaluationSet, on_delete=models.CASCADE, related_name="questions")
    text = models.TextField(max_length=LONGEST_TEXT)
    reference_answer = models.TextField(
        max_length=LONGEST_TEXT, blank=True, default="", help_text=_("What a good answer says; may be left empty.")
    )
    external_id = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["evaluation_set", "external_id"],
                condition=~Q(external_id=""),
                name="evaluation_question_external_id_of_set",
            ),
            *text_walls("evaluation_question", text=ANSWER, reference_answer=ANSWER),
        ]

    def __str__(self) -> str:
        return self.text[:80]


WRONG = 0
"""The grade of what does not answer its question."""

IS_RELEVANT = Q(grade__gt=WRONG)
"""Of judgements."""


class Judgement(models.Model):
    """That a document is relevant to a question, or a span of one of its versions; the grade says how much, and 0 that it is
    not.
    """

    id = models.BigAutoField(primary_key=True)
    question = models.ForeignKey(EvaluationQuestion, on_delete=models.CASCADE, related_name="judgements")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="judgements")
    version = models.ForeignKey(
        DocumentVersion, null=True, blank=True, on_delete=models.CASCADE, related_name="judgements"
    )
    start = models.PositiveIntegerField(null=True, blank=True)
    end = models.PositiveIntegerField(null=True, blank=True)
    grade = models.PositiveSmallIntegerField(
        default=1, help_text=_("0: it does not answer the question. From 1: how well it does.")
    )

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["question", "document", "version", "start", "end"],
                nulls_distinct=False,
                name="judgement_once",
            ),
            models.CheckConstraint(
                condition=Q(version=None, start=None, end=None)
                | Q(version__isnull=False, start__isnull=False, end__gt=models.F("start")),
                name="judgement_span_whole_or_none",
            ),
        ]

    def __str__(self) -> str:
        where = "" if self.start is None else f", {self.start} to {self.end}"
        return f"{self.document_id}{where}"


class RunState(models.TextChoices):
    WAITING = "waiting", _("Waits for a worker")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


RUN_ENDED = frozenset({RunState.DONE, RunState.FAILED})


class EvaluationRun(Leased):
    """All questions of a set, each searched for once. `attempts` counts the starts since the last progress."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    evaluation_set = models.ForeignKey(EvaluationSet, on_delete=models.CASCADE, related_name="runs")
    generation = models.ForeignKey(
        "retrieval.IndexGeneration", null=True, blank=True, on_delete=models.SET_NULL, related_name="evaluation_runs"
    )
    mode = models.CharField(max_length=10, choices=[(mode.value, mode.value) for mode in Mode])
    rerank = models.BooleanField(default=False)
    k = models.PositiveSmallIntegerField(default=10, help_text=_("Where nDCG and the first recall are cut."))
    depth = models.PositiveSmallIntegerField(default=100, help_text=_("How many documents are ranked for a question."))
    parameters = models.JSONField(
        default=dict, blank=True, help_text=_("Model, chunking and size of what was searched.")
    )
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.WAITING)
    metrics = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True, default="")
    note = models.TextField(blank=True, default="", help_text=_("What went wrong beside the run."))
    asked_by = models.CharField(max_length=120)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="failed_run_says_why"),
            *text_walls("evaluation_run", error=WORDS, note=WORDS),
            *json_walls("evaluation_run", parameters=CONTENT, metrics=CONTENT),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(state__in=["running", "waiting"]), name="evaluation_run_work"),
        ]

    def __str__(self) -> str:
        """Two that were begun in one second differ by the end of their ids."""
        how = f"{self.mode}{' reranked' if self.rerank else ''}"
        return f"{self.evaluation_set}, {how}, {self.created_at:%Y-%m-%d %H:%M:%S}, #{self.pk.hex[-4:]}"


class EvaluationResult(models.Model):
    """What the search gave one question. The text stays when the question is deleted from its set."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(EvaluationRun, on_delete=models.CASCADE, related_name="results")
    question = models.ForeignKey(EvaluationQuestion, null=True, on_delete=models.SET_NULL, related_name="results")
    text = models.TextField()
    ranking = models.JSONField(default=list, help_text=_("The first documents, with title, score and grade."))
    metrics = models.JSONField(default=dict)
    milliseconds = models.FloatField()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "question"], name="evaluation_result_once"),
            *text_walls("evaluation_result", text=ANSWER),
            *json_walls("evaluation_result", ranking=CONTENT, metrics=CONTENT),
        ]

    def __str__(self) -> str:
        return self.text[:80]
