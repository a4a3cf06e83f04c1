"""Knowledge bases, documents, their versions and the chunks of each version, and the grants that say who may read them."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Now

from ragsite.core.bounds import CONTENT, WORDS, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased
from ragsite.gateway.models import ApiKey, Tenant

LONGEST_DESCRIPTION = 10_000


class Visibility(models.TextChoices):
    """Who may read a knowledge base; docs/adr/0011-rights.md has the whole table."""

    TENANT = "tenant", "Everybody of the tenant"
    RESTRICTED = "restricted", "Only who has a grant"


class KnowledgeBase(models.Model):
    """A collection of documents that are searched together and chunked alike."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="knowledge_bases")
    name = models.CharField(max_length=120)
    description = models.TextField(max_length=LONGEST_DESCRIPTION, blank=True, default="")
    chunking = models.JSONField(default=dict, blank=True, help_text="Chunking settings; empty for the defaults.")
    retrieval = models.JSONField(
        default=dict,
        db_default=models.Value({}, output_field=models.JSONField()),
        blank=True,
        help_text="How it is searched if a request does not say; empty for the defaults.",
    )
    visibility = models.CharField(
        max_length=10,
        choices=Visibility.choices,
        default=Visibility.TENANT,
        db_default=Visibility.TENANT.value,
        help_text="Who may read its documents.",
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
            *text_walls("knowledge_base", description=CONTENT),
            *json_walls("knowledge_base", chunking=CONTENT, retrieval=CONTENT),
        ]

    def __str__(self) -> str:
        return self.name


class DeletionState(models.TextChoices):
    REMOVING = "removing", "Being removed"
    DONE = "done", "Removed"
    FAILED = "failed", "Failed; it can be resumed"


class KnowledgeBaseDeletion(Leased):
    """A deleted knowledge base's removal: consumers get an event for each document, then its rows and files go.

    `attempts` counts the starts since the last progress.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    knowledge_base = models.OneToOneField(KnowledgeBase, on_delete=models.CASCADE, related_name="deletion")
    state = models.CharField(max_length=10, choices=DeletionState.choices, default=DeletionState.REMOVING)
    document_total = models.PositiveIntegerField(help_text="Documents whose rows were there when it was deleted.")
    document_told = models.PositiveIntegerField(default=0, help_text="Documents of which `document.deleted` was told.")
    document_gone = models.PositiveIntegerField(default=0, help_text="Documents whose rows and files are removed.")
    error = models.TextField(blank=True, default="")
    actor = models.JSONField(null=True, editable=False, help_text="Who asked for it.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = "deletion of a knowledge base"
        verbose_name_plural = "deletions of knowledge bases"
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
            return "All documents are removed."
        removed = f"{self.document_gone:,} of {self.document_total:,} documents are removed."
        if self.state == DeletionState.FAILED:
            return f"{removed} It stopped there: {self.error}"
        return f"{removed} The last time: {self.error}" if self.error else removed


class VersionStatus(models.TextChoices):
    """The progress of a version. Each status names what is done; the table of jobs names what comes next."""

    UPLOADED = "uploaded", "Uploaded, waiting to be parsed"
    PARSED = "parsed", "Parsed, waiting to be chunked"
    CHUNKED = "chunked", "Chunked, waiting to be embedded"
    EMBEDDED = "embedded", "Embedded, waiting to be activated"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


VERSION_STOPPED = frozenset({VersionStatus.FAILED, VersionStatus.CANCELLED})
VERSION_ENDED = VERSION_STOPPED | {VersionStatus.READY}

VERSION_TRANSITIONS: dict[VersionStatus, frozenset[VersionStatus]] = {
    VersionStatus.UPLOADED: VERSION_STOPPED | {VersionStatus.PARSED, VersionStatus.UPLOADED},
    VersionStatus.PARSED: VERSION_STOPPED | {VersionStatus.CHUNKED, VersionStatus.PARSED},
    VersionStatus.CHUNKED: VERSION_STOPPED | {VersionStatus.EMBEDDED, VersionStatus.PARSED},
    VersionStatus.EMBEDDED: VERSION_STOPPED | {VersionStatus.READY, VersionStatus.PARSED},
    VersionStatus.READY: frozenset(),
    VersionStatus.FAILED: frozenset({VersionStatus.UPLOADED, VersionStatus.PARSED}),
    VersionStatus.CANCELLED: frozenset({VersionStatus.UPLOADED, VersionStatus.PARSED}),
}
"""What may follow what; `versions_move` sees to it. A version that stopped, or was sent back on its way, is taken up
where its input stands: PARSED once there is a text, else UPLOADED."""


LIVING = models.Q(deleted_at=None, knowledge_base__deleted_at=None)
"""Of documents: those that are there. A knowledge base is marked as deleted before its documents are."""

LIVING_VERSIONS = models.Q(document__deleted_at=None, document__knowledge_base__deleted_at=None)
"""The versions of these."""

KEPT_BY_TRIGGER = ("document_type", "language", "updated_at")
"""Of a document; code that saves one and shows it reads these again."""


class Document(models.Model):
    """A document as people know it; what it says is in its versions.

    `document_type` and `language` are those of the current version, and with `updated_at` are kept by a trigger (migration
    0008): a search filters by them without reading another table.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="documents")
    knowledge_base = models.ForeignKey(KnowledgeBase, on_delete=models.PROTECT, related_name="documents")
    title = models.CharField(max_length=300)
    external_id = models.CharField(max_length=200, blank=True, default="", help_text="The caller's own id.")
    content_hash = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the newest version's bytes.")
    metadata = models.JSONField(default=dict, blank=True)
    tags = ArrayField(models.TextField(), default=list, db_default=[], blank=True)
    restricted = models.BooleanField(
        default=False, db_default=False, help_text="Whether only a grant on the document itself lets it be read."
    )
    chunking = models.JSONField(
        default=dict,
        blank=True,
        help_text="Chunking settings that replace those of the knowledge base; empty for none.",
    )
    current_version = models.OneToOneField(
        "DocumentVersion", null=True, blank=True, on_delete=models.SET_NULL, related_name="current_of", editable=False
    )
    document_type = models.CharField(max_length=20, db_default="", editable=False, help_text="Of the current version.")
    language = models.CharField(max_length=8, db_default="", editable=False, help_text="Of the current version.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(
        db_default=Now(), editable=False, help_text="When what it says, or what is said about it, last changed."
    )
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            GinIndex(OpClass("metadata", "jsonb_path_ops"), name="document_metadata"),
            GinIndex(fields=["tags"], name="document_tags"),
            models.Index(fields=["deleted_at"], condition=models.Q(deleted_at__isnull=False), name="document_deleted"),
            models.Index(
                fields=["knowledge_base", "id"], condition=models.Q(restricted=True), name="document_restricted"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["knowledge_base", "content_hash"],
                condition=models.Q(deleted_at=None),
                name="document_content_of_knowledge_base",
            ),
            models.UniqueConstraint(
                fields=["knowledge_base", "external_id"],
                condition=models.Q(deleted_at=None) & ~models.Q(external_id=""),
                name="document_external_id_of_knowledge_base",
            ),
            *json_walls("document", metadata=CONTENT, tags=CONTENT, chunking=CONTENT),
        ]

    def __str__(self) -> str:
        return self.title


class Grant(models.Model):
    """A knowledge base or a document may be read by a user, by the users of a group, or by an API key.

    `tenant` is that of the knowledge base or document. A grant never reaches across tenants: who reads is asked first.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="grants", editable=False)
    knowledge_base = models.ForeignKey(KnowledgeBase, null=True, on_delete=models.CASCADE, related_name="grants")
    document = models.ForeignKey(Document, null=True, on_delete=models.CASCADE, related_name="grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="grants")
    group = models.ForeignKey(Group, null=True, on_delete=models.CASCADE, related_name="grants")
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.CASCADE, related_name="grants")
    granted_by = models.CharField(max_length=120, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(knowledge_base=None) ^ models.Q(document=None), name="grant_on_one_thing"
            ),
            models.CheckConstraint(
                condition=(models.Q(user=None) & models.Q(group=None) & models.Q(api_key__isnull=False))
                | (models.Q(user=None) & models.Q(group__isnull=False) & models.Q(api_key=None))
                | (models.Q(user__isnull=False) & models.Q(group=None) & models.Q(api_key=None)),
                name="grant_to_one_subject",
            ),
            models.UniqueConstraint(
                fields=["knowledge_base", "document", "user", "group", "api_key"],
                name="grant_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_text} reads {self.knowledge_base or self.document}"

    @property
    def subject_text(self) -> str:
        """`user anna`, `group Harbour masters` or `API key reader (1f2e…)`."""
        if self.user is not None:
            return f"user {self.user}"
        return f"group {self.group}" if self.group is not None else f"API key {self.api_key}"


class DocumentVersion(Leased):
    """One upload of a document, or its text re-chunked: the bytes, and how far they have come through the stages.

    `tenant_id` is that of the document and kept by a trigger (migration 0010): tenants are served in turn without a look at
    the documents of all that waits.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField(editable=False, help_text="Whose turn it is worked on in: that of its document.")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    filename = models.CharField(max_length=255)
    document_type = models.CharField(max_length=20)
    content_hash = models.CharField(max_length=64)
    blob = models.CharField(max_length=200, editable=False, help_text="Where the bytes are, in the blob store.")
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    status = models.CharField(max_length=12, choices=VersionStatus.choices, default=VersionStatus.UPLOADED)
    retry_status = models.CharField(max_length=12, choices=VersionStatus.choices, blank=True, default="")
    error_code = models.CharField(max_length=60, blank=True, default="")
    error = models.TextField(blank=True, default="")
    chunk_count = models.PositiveIntegerField(default=0)
    actor = models.JSONField(null=True, editable=False, help_text="Who last asked for something of it.")
    rechunk_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="rechunks",
        editable=False,
        help_text="The upload whose bytes and text it has; none for an upload itself.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ready_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["document", "number"], name="version_number_of_document"),
            models.CheckConstraint(
                condition=~models.Q(status=VersionStatus.FAILED) | ~models.Q(error=""), name="failed_version_says_why"
            ),
            *text_walls("version", error=WORDS),
            *json_walls("version", actor=WORDS),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["status", "tenant_id", "not_before", "id"],
                condition=~models.Q(status__in=sorted(VERSION_ENDED)),
                name="version_waiting",
            ),
            models.Index(fields=["blob"], name="version_blob"),
        ]

    def __str__(self) -> str:
        return f"{self.filename} v{self.number}"

    @property
    def upload_id(self) -> UUID:
        """The upload whose bytes it has: another version's id if the text was only re-chunked."""
        return self.rechunk_of_id or self.pk


class ParsedText(models.Model):
    """What a version says: the text every span refers to, and where its sections lie."""

    version = models.OneToOneField(DocumentVersion, on_delete=models.CASCADE, primary_key=True, related_name="parsed")
    text = models.TextField()
    sections = models.JSONField(default=list)
    title = models.CharField(max_length=300, blank=True, default="")
    metadata = models.JSONField(default=dict)
    language = models.CharField(
        max_length=8, default="", db_default="", help_text='ISO 639-1; "" where it can\'t be told.'
    )
    parser = models.CharField(max_length=40)


class Chunk(models.Model):
    """A span of a version's text that is embedded and found: `parsed.text[start:end] == text`."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="chunks")
    chunking_key = models.CharField(max_length=16, help_text="Which chunking settings made it.")
    ordinal = models.PositiveIntegerField()
    start = models.PositiveIntegerField(help_text="First character in the parsed text.")
    end = models.PositiveIntegerField(help_text="Character after the last.")
    text = models.TextField()
    table_header = models.TextField(blank=True, default="", help_text="The header row of the table the text continues.")
    content_hash = models.BinaryField(max_length=32, db_index=True, editable=False, help_text="Of what is embedded.")
    token_count = models.PositiveIntegerField()
    heading_path = ArrayField(models.TextField(), default=list, blank=True)
    place = models.JSONField(null=True, blank=True, help_text="Page, slide, sheet or pointer.")

    class Meta:
        ordering: ClassVar = ["version", "chunking_key", "ordinal"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "chunking_key", "ordinal"], name="chunk_ordinal_of_version"),
            models.CheckConstraint(condition=models.Q(end__gt=models.F("start")), name="chunk_span_not_empty"),
        ]

    def __str__(self) -> str:
        return f"chunk {self.ordinal}"

    @staticmethod
    def embedded_text(text: str, table_header: str) -> str:
        """What is embedded for a chunk: rows of a table are nothing without its header."""
        return f"{table_header}\n{text}" if table_header else text


class StageOutcome(models.TextChoices):
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    POSTPONED = "postponed", "Waiting to be tried again"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class StageRecord(models.Model):
    """One step of a version's way: which worker, how often, how long, how it ended."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="stages")
    stage = models.CharField(max_length=20)
    outcome = models.CharField(max_length=12, choices=StageOutcome.choices, default=StageOutcome.RUNNING)
    attempts = models.PositiveSmallIntegerField(default=1)
    worker = models.CharField(max_length=120)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=60, blank=True, default="")
    error = models.TextField(blank=True, default="")
    actor = models.JSONField(null=True, editable=False, help_text="Who asked for it, or cancelled it.")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "stage"], name="stage_of_version"),
            *text_walls("stage", error=WORDS),
            *json_walls("stage", actor=WORDS),
        ]

    def __str__(self) -> str:
        return f"{self.stage}: {self.outcome}"

    @property
    def seconds(self) -> float | None:
        """How long the last attempt took; None while it runs."""
        ended: Any = self.finished_at
        return (ended - self.started_at).total_seconds() if ended else None
