"""Pictures of pages that wait to be drawn, and asking for one. Imports nothing that draws: every process asks."""

from __future__ import annotations

from datetime import timedelta
from typing import IO, Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from apps.documents.blobs import BlobMissingError, blob_open
from apps.documents.models import DocumentVersion, PagePicture, PictureState
from ragsite.core.errors import NotFoundError, RagError
from ragsite.core.jobs import ring
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.work import Advice, LeasedRows

DRAW = "page-draw"
"""The job's name for those who ring."""

ADVICE = Advice(
    too_slow="Read the page's text, or download the file.",
    too_much_memory="Read the page's text, or download the file.",
)
SEEN_TO_THE_DAY = timedelta(days=1)


class PagePictures(LeasedRows):
    """Pictures that wait; the one that was asked for first comes first."""

    model, what = PagePicture, "the picture of a page"

    def open(self) -> QuerySet[PagePicture]:
        return PagePicture.objects.filter(state=PictureState.WAITING).order_by("not_before", "id")

    def fail(self, claim: Claim, error: RagError) -> None:
        told = {"error_code": error.error_code, "error": error.sentence}
        self.held(claim).update(state=PictureState.FAILED, **told, **RELEASED)


PAGE_PICTURES = PagePictures()


def page_picture_of(*, version: DocumentVersion, page: int, again: bool = False) -> PagePicture:
    """The picture of a page, which is drawn if nobody has looked at it lately; `again` has one drawn that failed.

    Raises:
        NotFoundError: the document is being removed.
    """
    mine = PagePicture.objects.filter(version_id=version.upload_id, page=page)
    picture = mine.first()
    if picture is None:
        return _asked(version, page)
    if again and picture.state == PictureState.FAILED:
        _ask_again(mine.filter(state=PictureState.FAILED))
        return _asked(version, page)
    if timezone.now() - picture.seen_at > SEEN_TO_THE_DAY:
        mine.update(seen_at=Now())
    return picture


def page_picture_open(*, version: DocumentVersion, page: int) -> tuple[PagePicture, IO[bytes]]:
    """The finished picture of a page, and its bytes to be read and closed. One whose bytes are gone is drawn anew.

    Raises:
        NotFoundError: there is none.
        TransientError: it can't be read now.
    """
    ready = PagePicture.objects.filter(version_id=version.upload_id, page=page, state=PictureState.READY)
    none = NotFoundError(f"There is no picture of page {page:,}.", action="Open the page of the document.")
    picture = ready.defer("boxes").first()
    if picture is None:
        raise none
    try:
        return picture, blob_open(picture.blob)
    except BlobMissingError as error:
        _ask_again(ready.filter(blob=picture.blob))
        raise none from error


def _asked(version: DocumentVersion, page: int) -> PagePicture:
    try:
        with transaction.atomic():
            picture, is_new = PagePicture.objects.get_or_create(version_id=version.upload_id, page=page)
            if is_new:
                ring(DRAW)
    except IntegrityError as error:
        raise NotFoundError("The document is being removed.") from error
    return picture


def _ask_again(pictures: QuerySet[PagePicture]) -> None:
    fresh: dict[str, Any] = {"blob": "", "attempts": 0, "error_code": "", "error": "", "not_before": Now()}
    with transaction.atomic():
        if pictures.update(state=PictureState.WAITING, **fresh):
            ring(DRAW)
