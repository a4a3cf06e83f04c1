"""Models, their versions, and which of them are in use."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import MD5, Coalesce, Now

from apps.models.installed_model import ModelKind
from apps.models.kinds import KINDS
from ragsite.core.ids import new_id

WITH_DIMENSIONS = sorted(kind.value for kind, row in KINDS.items() if row.has_dimensions)


class ModelStatus(models.TextChoices):
    REGISTERED = "registered", "Registered"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


# From each status, those that may follow it. A retired version may come back: that is a rollback.
MODEL_TRANSITIONS: dict[ModelStatus, frozenset[ModelStatus]] = {
    ModelStatus.REGISTERED: frozenset({ModelStatus.ACTIVE}),
    ModelStatus.ACTIVE: frozenset({ModelStatus.RETIRED}),
    ModelStatus.RETIRED: frozenset({ModelStatus.ACTIVE}),
}


class Model(models.Model):
    """A model by name. Of each kind one may be the default: its active version is used where none is named."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=20, choices=ModelKind.choices)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind"], condition=Q(is_default=True), name="model_one_default_a_kind"),
            models.UniqueConstraint(fields=["id", "kind"], name="model_kind_of_id"),
            models.CheckConstraint(condition=Q(kind__in=ModelKind.values), name="model_kind_known"),
        ]

    def __str__(self) -> str:
        return self.name


class ModelVersion(models.Model):
    """Certain weights of a model, identified by their digest, and the prompts they read. Neither is changed, only superseded.

    Its kind is its model's, which a foreign key over both columns sees to (migration 0002), so that a constraint can ask for it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="versions")
    kind = models.CharField(max_length=20, choices=ModelKind.choices, editable=False)
    revision = models.CharField(max_length=64, help_text="The hub's commit, or of a folder the weights' digest.")
    source = models.CharField(max_length=1000, help_text="The folder or hub id that was registered.")
    path = models.CharField(max_length=1000, help_text="The folder that engines load.")
    sha256 = models.CharField("SHA-256", max_length=64, help_text="Digest of the weights.")
    dimensions = models.PositiveIntegerField(null=True, help_text="Width of the vectors, where the kind gives vectors.")
    max_tokens = models.PositiveIntegerField(help_text="Longest input, special tokens and prompt included.")
    query_prompt = models.TextField(
        blank=True, db_default="", default="", help_text="What stands before each question."
    )
    document_prompt = models.TextField(
        blank=True, db_default="", default="", help_text="What stands before each passage."
    )
    status = models.CharField(max_length=20, choices=ModelStatus.choices, default=ModelStatus.REGISTERED)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            # Digests, as an index takes no long texts.
            models.UniqueConstraint(
                "model",
                "revision",
                MD5("query_prompt"),
                MD5("document_prompt"),
                Coalesce("dimensions", 0),
                name="model_version_unique_revision",
            ),
            models.UniqueConstraint(
                fields=["model"], condition=Q(status=ModelStatus.ACTIVE), name="model_version_one_active"
            ),
            models.CheckConstraint(condition=Q(status__in=ModelStatus.values), name="model_version_status_known"),
            models.CheckConstraint(
                condition=Q(kind__in=WITH_DIMENSIONS, dimensions__isnull=False, dimensions__gt=0)
                | (~Q(kind__in=WITH_DIMENSIONS) & Q(dimensions=None)),
                name="model_version_dimensions_by_kind",
            ),
            models.CheckConstraint(condition=Q(max_tokens__gt=0), name="model_version_has_max_tokens"),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="model_version_sha256_is_hex"),
        ]

    def __str__(self) -> str:
        return f"{self.model.name} {self.revision[:12]}"
