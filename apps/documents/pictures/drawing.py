"""Drawing a page that somebody wants to see: in a worker with limits, under a lease."""

from __future__ import annotations

from apps.documents.blobs import blob_file, blob_write, blobs_discard
from apps.documents.models import PagePicture, PictureState
from apps.documents.parsing.pdf.ocr import words_on
from apps.documents.pictures.boxes import boxes_packed
from apps.documents.pictures.rendering import DrawnPage, page_drawn
from apps.documents.pictures.rows import PAGE_PICTURES
from apps.documents.pictures.texts import page_span, text_drawn
from ragsite.core.configuration import ParsingSettings
from ragsite.core.database import connection_release
from ragsite.core.dynamic.places import Place
from ragsite.core.errors import LeaseLostError
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.work import Turn


def page_picture_draw(claim: Claim, turn: Turn) -> None:
    """Draw the claimed page and keep its picture.

    Raises:
        PermanentError: it can't be drawn; the message says why.
        TransientError: the file can't be read, or the picture not be written, now.
        LeaseLostError: somebody else took over, or the document is gone.
    """
    picture = PAGE_PICTURES.held(claim).select_related("version__document").first()
    if picture is None:
        raise LeaseLostError("The picture is not wanted any more.")
    span = page_span(picture.version_id, picture.page)
    text = text_drawn(picture.version_id, *span) if span else ""
    connection_release()
    document = picture.version.document
    recognises = ParsingSettings.current(Place(document.tenant_id, document.knowledge_base_id)).ocr
    with blob_file(picture.version.blob, sha256=picture.version.content_hash) as path:
        drawn = page_drawn(path, picture.page, text, words=words_on if recognises else None)
    _keep(claim, picture, drawn)


def _keep(claim: Claim, picture: PagePicture, drawn: DrawnPage) -> None:
    blob = blob_write([drawn.picture], tenant_id=picture.version.tenant_id, filename=picture.version.filename)
    kept = PAGE_PICTURES.held(claim).update(
        state=PictureState.READY, blob=blob.name, size=blob.size, width=drawn.width, height=drawn.height,
        boxes=boxes_packed(drawn.boxes) if drawn.boxes else b"", error_code="", error="", **RELEASED,
    )  # fmt: skip
    if not kept:
        blobs_discard([blob.name])
        raise LeaseLostError(f"The lease on the picture of page {picture.page} was lost; what was drawn is dropped.")
