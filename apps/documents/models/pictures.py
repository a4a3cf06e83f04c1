"""Pictures of pages: made when somebody looks at one, kept while somebody does."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from apps.documents.models.versions import DocumentVersion
from ragsite.core.bounds import WORDS, text_walls
from ragsite.core.configuration import MEGABYTE
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased


class PictureState(models.TextChoices):
    WAITING = "waiting", "Waiting to be drawn"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed; it can be tried again"


class PagePicture(Leased):
    """A page of an upload as a picture, and where on it the characters of its text lie. Re-chunked versions share it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="pictures")
    page = models.PositiveIntegerField(help_text="From 1.")
    state = models.CharField(max_length=10, choices=PictureState.choices, default=PictureState.WAITING)
    blob = models.CharField(
        max_length=200, default="", editable=False, help_text="Where the picture is, in the blob store."
    )
    size = models.PositiveIntegerField(default=0, help_text="Bytes.")
    width = models.PositiveIntegerField(default=0, help_text="Pixels.")
    height = models.PositiveIntegerField(default=0, help_text="Pixels.")
    boxes = models.BinaryField(default=b"", editable=False, help_text="Packed; empty where the page has no text layer.")
    error_code = models.CharField(max_length=60, default="")
    error = models.TextField(default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    seen_at = models.DateTimeField(db_default=Now(), editable=False, help_text="When somebody last looked, to the day.")

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = "picture of a page"
        verbose_name_plural = "pictures of pages"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "page"], name="picture_of_page"),
            models.CheckConstraint(
                condition=~models.Q(state="failed") | ~models.Q(error=""), name="failed_picture_says_why"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="ready") | ~models.Q(blob=""), name="ready_picture_is_there"
            ),
            *text_walls("picture", error=WORDS, boxes=MEGABYTE),
        ]
        indexes: ClassVar = [
            models.Index(fields=["not_before", "id"], condition=models.Q(state="waiting"), name="picture_work"),
            models.Index(fields=["blob"], name="picture_blob"),
            models.Index(fields=["seen_at"], name="picture_seen"),
        ]

    def __str__(self) -> str:
        return f"page {self.page}"
