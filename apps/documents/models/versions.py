"""The versions of documents: how far each has come, its text, its chunks, and its stages."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.documents.models.documents import Document
from ragsite.core.bounds import CONTENT, WORDS, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased


class VersionStatus(models.TextChoices):
    """The progress of a version. Each status names what is done; the table of jobs names what comes next."""

    UPLOADED = "uploaded", _("Uploaded, waiting to be parsed")
    PARSED = "parsed", _("Parsed, waiting to be chunked")
    CHUNKED = "chunked", _("Chunked, waiting to be embedded")
    EMBEDDED = "embedded", _("Embedded, waiting to be activated")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


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


class VersionOrigin(models.TextChoices):
    """What made a version."""

    UPLOAD = "upload", "Upload"
    RECHUNK = "rechunk", "Other chunking"
    EDIT = "edit", "Edited text"


class DocumentVersion(Leased):
    """One upload of a document, or its text re-chunked or edited: the bytes, and how far they have come through the stages.

    `tenant_id` is that of the document and kept by a trigger (migration 0010): tenants are served in turn without a look at
    the documents of all that waits.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField(editable=False, help_text=_("Whose turn it is worked on in: that of its document."))
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    filename = models.CharField(max_length=255)
    document_type = models.CharField(max_length=20)
    content_hash = models.CharField(max_length=64)
    blob = models.CharField(max_length=200, editable=False, help_text=_("Where the bytes are, in the blob store."))
    size = models.PositiveBigIntegerField(help_text=_("Bytes."))
    status = models.CharField(max_length=12, choices=VersionStatus.choices, default=VersionStatus.UPLOADED)
    retry_status = models.CharField(max_length=12, choices=VersionStatus.choices, blank=True, default="")
    error_code = models.CharField(max_length=60, blank=True, default="")
    error = models.TextField(blank=True, default="")
    chunk_count = models.PositiveIntegerField(default=0)
    actor = models.JSONField(null=True, editable=False, help_text=_("Who last asked for something of it."))
    rechunk_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="rechunks",
        editable=False,
        help_text=_("The upload whose bytes it has, and whose text but for its edits; none for an upload itself."),
    )
    edited = models.BooleanField(
        default=False, db_default=False, editable=False, help_text=_("Whether a change of its edits made it.")
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
            models.Index(fields=["tenant_id", "id"], name="version_of_tenant"),
            models.Index(
                fields=["tenant_id", "id"], condition=models.Q(status="failed"), name="version_of_tenant_failed"
            ),
            models.Index(fields=["blob"], name="version_blob"),
        ]

    def __str__(self) -> str:
        return f"{self.filename} v{self.number}"

    @property
    def upload_id(self) -> UUID:
        """The upload whose bytes it has: another version's id if the text was only re-chunked."""
        return self.rechunk_of_id or self.pk

    @property
    def origin(self) -> VersionOrigin:
        if self.rechunk_of_id is None:
            return VersionOrigin.UPLOAD
        return VersionOrigin.EDIT if self.edited else VersionOrigin.RECHUNK


class ParsedText(models.Model):
    """What a version is shown to say: the text every span refers to, and where its sections lie. It may have masks in it, with
    the original set aside.
    """

    version = models.OneToOneField(DocumentVersion, on_delete=models.CASCADE, primary_key=True, related_name="parsed")
    text = models.TextField()
    sections = models.JSONField(default=list)
    title = models.CharField(max_length=300, blank=True, default="")
    metadata = models.JSONField(default=dict)
    language = models.CharField(
        max_length=8, default="", db_default="", help_text=_('ISO 639-1; "" where it can\'t be told.')
    )
    parser = models.CharField(max_length=40)
    masked_as = models.CharField(
        max_length=200, default="", db_default="", editable=False, help_text="By which masking; empty for none."
    )
    finds = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField()), editable=False,
        help_text="How many values of each kind were found; nothing where none were looked for.",
    )  # fmt: skip

    class Meta:
        constraints: ClassVar = [*json_walls("parsed_text", finds=WORDS)]


class TextEdit(models.Model):
    """Where a version's text is another one than its upload's: `text` stands in the place of the characters `start` to `end`.

    A version has all its edits, those too that an earlier version had; they are in order and don't touch one another.
    """

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="edits", db_index=False)
    start = models.PositiveIntegerField(help_text="First character in the upload's parsed text.")
    end = models.PositiveIntegerField(help_text="Character after the last; the first one where text was added.")
    old_text = models.TextField(help_text="What the upload says there.")
    text = models.TextField(help_text="What is said instead; nothing where it was left out.")
    actor = models.JSONField(null=True, editable=False, help_text="Who made it.")
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["version", "start"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "start"], name="text_edit_of_version"),
            models.CheckConstraint(condition=models.Q(end__gte=models.F("start")), name="text_edit_span"),
            models.CheckConstraint(
                condition=models.Q(end__gt=models.F("start")) | ~models.Q(text=""), name="text_edit_does_something"
            ),
            *text_walls("text_edit", old_text=CONTENT, text=CONTENT),
            *json_walls("text_edit", actor=WORDS),
        ]

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"


class Chunk(models.Model):
    """A span of a version's text that is embedded and found: `parsed.text[start:end] == text`."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="chunks")
    chunking_key = models.CharField(max_length=16, help_text=_("Which chunking settings made it."))
    ordinal = models.PositiveIntegerField()
    start = models.PositiveIntegerField(help_text=_("First character in the parsed text."))
    end = models.PositiveIntegerField(help_text=_("Character after the last."))
    text = models.TextField()
    table_header = models.TextField(
        blank=True, default="", help_text=_("The header row of the table the text continues.")
    )
    context = models.TextField(
        blank=True, default="", db_default="", editable=False,
        help_text=_("What stands before it where it is embedded: the document's name and its headings."),
    )  # fmt: skip
    content_hash = models.BinaryField(max_length=32, db_index=True, editable=False, help_text=_("Of what is embedded."))
    token_count = models.PositiveIntegerField()
    heading_path = ArrayField(models.TextField(), default=list, blank=True)
    place = models.JSONField(null=True, blank=True, help_text=_("Page, slide, sheet or pointer."))

    class Meta:
        ordering: ClassVar = ["version", "chunking_key", "ordinal"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "chunking_key", "ordinal"], name="chunk_ordinal_of_version"),
            models.CheckConstraint(condition=models.Q(end__gt=models.F("start")), name="chunk_span_not_empty"),
        ]

    def __str__(self) -> str:
        return gettext("passage %(ordinal)s") % {"ordinal": self.ordinal}

    @staticmethod
    def embedded_text(text: str, table_header: str, context: str = "") -> str:
        """What is embedded for a chunk: rows of a table are nothing without its header, and little without its heading."""
        return "\n".join(filter(None, [context, table_header, text]))


class StageOutcome(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    POSTPONED = "postponed", _("Waiting to be tried again")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class StageRecord(models.Model):
    """One step of a version's way: which worker, how often, how long, how it ended."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="stages")
    stage = models.CharField(max_length=20)
    outcome = models.CharField(max_length=12, choices=StageOutcome.choices, default=StageOutcome.RUNNING)
    attempts = models.PositiveSmallIntegerField(default=1)
    worker = models.CharField(max_length=120)
    begun_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When its first attempt was started; `started_at` is of the last one.")
    )
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=60, blank=True, default="")
    error = models.TextField(blank=True, default="")
    actor = models.JSONField(null=True, editable=False, help_text=_("Who asked for it, or cancelled it."))

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name = _("stage")
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
