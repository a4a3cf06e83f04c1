"""What is logged to MLflow, and what came of that."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.models.models import ModelVersion
from apps.retrieval.models.evaluation import EvaluationRun
from apps.retrieval.models.reindexing import Reindex
from ragsite.core.bounds import WORDS, text_walls
from ragsite.core.leases import Leased


class ExperimentState(models.TextChoices):
    WAITING = "waiting", _("Waits to be logged")
    LOGGED = "logged", _("Logged")
    FAILED = "failed", _("Not logged; it is tried again")


_OF_RUN = Q(run__isnull=False, reindex=None, version=None)
_OF_REINDEX = Q(run=None, reindex__isnull=False, version=None)
_OF_VERSION = Q(run=None, reindex=None, version__isnull=False)


class ExperimentEntry(Leased):
    """Something for MLflow: an evaluation run, a re-index, or that a version of a model came into use. It is one of the three."""

    id = models.BigAutoField(primary_key=True)
    run = models.OneToOneField(EvaluationRun, null=True, on_delete=models.CASCADE, related_name="experiment")
    reindex = models.OneToOneField(Reindex, null=True, on_delete=models.CASCADE, related_name="experiment")
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.CASCADE, related_name="experiments")
    state = models.CharField(max_length=10, choices=ExperimentState.choices, default=ExperimentState.WAITING)
    mlflow_experiment = models.CharField(max_length=64, blank=True, default="", help_text=_("Its id in MLflow."))
    mlflow_run = models.CharField(max_length=64, blank=True, default="", help_text=_("The id of its run in MLflow."))
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("experiment")
        verbose_name_plural = _("experiments")
        constraints: ClassVar = [
            models.CheckConstraint(condition=_OF_RUN | _OF_REINDEX | _OF_VERSION, name="experiment_of_one_thing"),
            models.CheckConstraint(condition=Q(state__in=ExperimentState.values), name="experiment_state_known"),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="failed_experiment_says_why"),
            *text_walls("experiment_entry", error=WORDS),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(state="waiting"), name="experiment_work"),
            models.Index(fields=["ended_at"], condition=Q(state="failed"), name="experiment_failed"),
        ]

    def __str__(self) -> str:
        return str(self.run or self.reindex or self.version)
