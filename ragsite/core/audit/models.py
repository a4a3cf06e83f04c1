"""The rows of the audit log. Nobody changes one: the database refuses it, and each is covered by a code that needs a key."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.fields.json import KT
from django.utils.translation import gettext_lazy as _

from ragsite.core.bounds import CONTENT, json_walls
from ragsite.core.ids import new_id

ERASED = "audit.erased"
"""The action of an entry that tells which words of other entries were erased."""


class Outcome(models.TextChoices):
    """Whether what was tried came about."""

    SUCCESS = "success", _("Done")
    FAILURE = "failure", _("Failed")


class AuditEntry(models.Model):
    """Something that somebody did, or was shown. It names what it is about and never refers to it: it outlives it.

    Without a tenant it concerns the whole installation. `mac` covers every other column but `salts`; what is words, and so may
    name somebody, by its commitment. Who erases a word empties it and puts the id of the entry that tells of it in the place of
    its salt.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField(null=True, editable=False)
    at = models.DateTimeField(editable=False)
    action = models.CharField(max_length=80, editable=False)
    actor_kind = models.CharField(max_length=10, editable=False)
    actor_id = models.CharField(max_length=120, blank=True, editable=False)
    actor_name = models.CharField(max_length=120, blank=True, editable=False)
    door = models.CharField(max_length=10, editable=False)
    request_id = models.CharField(max_length=128, blank=True, editable=False)
    object_type = models.CharField(max_length=40, blank=True, editable=False)
    object_id = models.CharField(max_length=120, blank=True, editable=False)
    object_name = models.CharField(max_length=200, blank=True, editable=False)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, editable=False)
    details = models.JSONField(editable=False)
    commitments = models.JSONField(default=dict, editable=False)
    salts = models.JSONField(default=dict, editable=False)
    key_id = models.CharField(max_length=16, editable=False)
    mac = models.BinaryField(max_length=32, editable=False)

    class Meta:
        db_table = "core_auditentry"
        ordering: ClassVar = ["-id"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "id"], name="audit_of_tenant"),
            models.Index(fields=["action", "id"], name="audit_of_action"),
            models.Index(fields=["actor_name", "id"], name="audit_of_actor_name"),
            models.Index(fields=["actor_id", "id"], name="audit_of_actor_id"),
            models.Index(fields=["object_id", "id"], condition=~models.Q(object_id=""), name="audit_of_object"),
            models.Index(fields=["request_id", "id"], condition=~models.Q(request_id=""), name="audit_of_request"),
            models.Index(
                KT("details__knowledge_base_id"),
                "id",
                condition=models.Q(details__has_key="knowledge_base_id"),
                name="audit_in_knowledge_base",
            ),
        ]
        constraints: ClassVar = json_walls("audit_entry", details=CONTENT, commitments=CONTENT, salts=CONTENT)

    def __str__(self) -> str:
        return f"{self.action} {self.object_name or self.object_id}".rstrip()


class AuditWaiting(models.Model):
    """An entry that no seal covers yet. What is committed late is here late, and so is never missed."""

    entry_id = models.UUIDField(primary_key=True)
    tenant_id = models.UUIDField(null=True)

    class Meta:
        db_table = "core_auditwaiting"

    def __str__(self) -> str:
        return str(self.entry_id)


class AuditSeal(models.Model):
    """The next link of a tenant's chain: it says which entries follow those of the seal before, and in which order.

    `hash` covers the hash before it, the other columns, and the code of each entry. `until` is the time of the latest entry.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField(null=True, editable=False)
    number = models.BigIntegerField(editable=False)
    entry_ids = ArrayField(models.UUIDField(), editable=False)
    first_id = models.UUIDField(editable=False)
    last_id = models.UUIDField(editable=False)
    count = models.PositiveIntegerField(editable=False)
    until = models.DateTimeField(editable=False)
    sealed_at = models.DateTimeField(editable=False)
    key_id = models.CharField(max_length=16, editable=False)
    hash = models.BinaryField(max_length=32, editable=False)

    class Meta:
        db_table = "core_auditseal"
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant_id", "number"], nulls_distinct=False, name="audit_seal_number"),
            *json_walls("audit_seal", entry_ids=CONTENT),
        ]

    def __str__(self) -> str:
        return f"seal {self.number}"


class AuditCheckpoint(models.Model):
    """Where a tenant's chain begins since older entries were pruned: after the seal `number`, whose hash is `hash`.

    `entries` were pruned up to then, all in all. `mac` covers every other column.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField(null=True, editable=False)
    number = models.BigIntegerField(editable=False)
    hash = models.BinaryField(max_length=32, editable=False)
    entries = models.BigIntegerField(editable=False)
    until = models.DateTimeField(editable=False)
    at = models.DateTimeField(editable=False)
    key_id = models.CharField(max_length=16, editable=False)
    mac = models.BinaryField(max_length=32, editable=False)

    class Meta:
        db_table = "core_auditcheckpoint"
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "number"], nulls_distinct=False, name="audit_checkpoint_number"
            ),
        ]

    def __str__(self) -> str:
        return f"checkpoint {self.number}"
