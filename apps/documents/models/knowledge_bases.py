"""Knowledge bases, and their deletions."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ragsite.core.bounds import CONTENT, LONGEST_TEXT, WORDS, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased
from ragsite.core.numbers import number_shown
from ragsite.core.sentences import said
from ragsite.gateway.models import Tenant


class Visibility(models.TextChoices):
    """Who may read a knowledge base; docs/adr/0011-rights.md has the whole table."""

    TENANT = "tenant", _("Everybody of the tenant")
    RESTRICTED = "restricted", _("Only who has a grant")


class PartsBy(models.TextChoices):
    """By what the vectors of a knowledge base are kept in parts; docs/adr/0094-parts-of-a-generation.md says what for."""

    NONE = "none", _("Not divided")
    MONTH = "month", _("By the month in which a document was added")
    YEAR = "year", _("By the year in which a document was added")
    TYPE = "type", _("By the type of a file")


class KnowledgeBase(models.Model):
    """A collection of documents that are searched together and chunked alike."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="knowledge_bases")
    name = models.CharField(max_length=120)
    description = models.TextField(max_length=LONGEST_TEXT, blank=True, default="")
    chunking = models.JSONField(default=dict, blank=True, help_text=_("Chunking settings; empty for the defaults."))
    retrieval = models.JSONField(
        default=dict,
        db_default=models.Value({}, output_field=models.JSONField()),
        blank=True,
        help_text=_("How it is searched if a request does not say; empty for the defaults."),
    )
    masking = models.JSONField(
        default=dict,
        db_default=models.Value({}, output_field=models.JSONField()),
        blank=True,
        help_text=_("Which values are masked, and where; empty for none."),
    )
    visibility = models.CharField(
        max_length=10,
        choices=Visibility.choices,
        default=Visibility.TENANT,
        db_default=Visibility.TENANT.value,
        help_text=_("Who may read its documents."),
    )
    parts = models.CharField(
        max_length=5,
        choices=PartsBy.choices,
        default=PartsBy.NONE,
        db_default=PartsBy.NONE.value,
        verbose_name=_("index in parts"),
        help_text=_(
            "Searches that ask for some of these parts leave out the others; those that ask for all look into each."
        ),
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "name"], condition=models.Q(deleted_at=None), name="knowledge_base_name_of_tenant"
            ),
            models.CheckConstraint(
                condition=models.Q(visibility__in=Visibility.values), name="knowledge_base_visibility_known"
            ),
            models.CheckConstraint(condition=models.Q(parts__in=PartsBy.values), name="knowledge_base_parts_known"),
            *text_walls("knowledge_base", description=CONTENT),
            *json_walls("knowledge_base", chunking=CONTENT, retrieval=CONTENT, masking=WORDS),
        ]

    def __str__(self) -> str:
        return self.name


class DeletionState(models.TextChoices):
    REMOVING = "removing", _("Being removed")
    DONE = "done", _("Removed")
    FAILED = "failed", _("Failed; it can be resumed")


class KnowledgeBaseDeletion(Leased):
    """A deleted knowledge base's removal: consumers get an event for each document, then its rows and files go.

    `attempts` counts the starts since the last progress.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    knowledge_base = models.OneToOneField(KnowledgeBase, on_delete=models.CASCADE, related_name="deletion")
    state = models.CharField(max_length=10, choices=DeletionState.choices, default=DeletionState.REMOVING)
    document_total = models.PositiveIntegerField(help_text=_("Documents whose rows were there when it was deleted."))
    document_told = models.PositiveIntegerField(
        default=0, help_text=_("Documents of which `document.deleted` was told.")
    )
    document_gone = models.PositiveIntegerField(default=0, help_text=_("Documents whose rows and files are removed."))
    error = models.TextField(blank=True, default="")
    actor = models.JSONField(null=True, editable=False, help_text=_("Who asked for it."))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("deletion of a knowledge base")
        verbose_name_plural = _("deletions of knowledge bases")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~models.Q(state="failed") | ~models.Q(error=""), name="failed_deletion_says_why"
            ),
            *text_walls("deletion", error=WORDS),
            *json_walls("deletion", actor=WORDS),
        ]
        indexes: ClassVar = [
            models.Index(fields=["not_before", "id"], condition=models.Q(state="removing"), name="deletion_work"),
        ]

    def __str__(self) -> str:
        return str(self.knowledge_base)

    @property
    def in_words(self) -> str:
        """How far it has come."""
        if self.state == DeletionState.DONE:
            return gettext("All documents are removed.")
        removed = gettext("%(gone)s of %(total)s documents are removed.") % {
            "gone": number_shown(self.document_gone),
            "total": number_shown(self.document_total),
        }
        if self.state == DeletionState.FAILED:
            return gettext("%(removed)s It stopped there: %(error)s") % {"removed": removed, "error": said(self.error)}
        if self.error:
            return gettext("%(removed)s The last time: %(error)s") % {"removed": removed, "error": said(self.error)}
        return removed
