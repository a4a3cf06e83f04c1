from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from apps.documents.blobs import blob_open, blob_path
from apps.documents.lifecycle.rechunking import document_rechunk
from apps.documents.models import DocumentVersion, PagePicture, PictureState
from apps.documents.pictures import drawing, purging
from apps.documents.pictures.boxes import boxes_unpacked
from apps.documents.pictures.purging import pictures_purge
from apps.documents.pictures.rows import DRAW, PAGE_PICTURES, page_picture_of, page_picture_open
from apps.documents.services.documents import document_delete
from apps.documents.services.purging import blobs_purge, documents_purge
from ragsite.core.errors import LeaseLostError, NotFoundError
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.pdfs import pdf_of, pdf_with_lost_page

pytestmark = pytest.mark.django_db


def uploaded(content: bytes | None = None) -> DocumentVersion:
    made = content or pdf_of(["The harbour has 42 berths."], [], ["Life jackets must be worn."])
    version = make.upload(make.knowledge_base(), made, filename="harbour.pdf").version
    make.run_stages()
    version.refresh_from_db()
    return version


def drawn(version: DocumentVersion, page: int = 1) -> PagePicture:
    picture = page_picture_of(version=version, page=page)
    make.work_once(DRAW, picture)
    picture.refresh_from_db()
    return picture


def test_a_page_is_drawn_when_it_is_asked_for_and_once() -> None:
    version = uploaded()
    assert not PagePicture.objects.exists(), "a page that nobody looks at costs nothing"
    picture = drawn(version, page=3)
    assert picture.state == PictureState.READY
    with blob_open(picture.blob) as stored:
        assert len(stored.read()) == picture.size > 0
    assert len(boxes_unpacked(bytes(picture.boxes))) == len("Life jackets must be worn.")
    assert page_picture_of(version=version, page=3) == picture
    assert not make.work_once(DRAW)
    again, stored = page_picture_open(version=version, page=3)
    with stored:
        assert again == picture


def test_a_picture_whose_bytes_are_gone_is_drawn_anew() -> None:
    version = uploaded()
    lost = drawn(version)
    blob_path(lost.blob).unlink()
    with pytest.raises(NotFoundError):
        page_picture_open(version=version, page=1)
    again = drawn(version)
    assert again == lost
    assert blob_path(again.blob).exists()


def test_a_version_that_was_cut_anew_has_the_pictures_of_its_upload() -> None:
    version = uploaded()
    picture = drawn(version)
    document_rechunk(document=version.document, actor=ACTOR)
    again = version.document.versions.get(number=2)
    assert page_picture_of(version=again, page=1) == picture


def test_a_page_that_cannot_be_drawn_says_why_and_can_be_tried_again() -> None:
    version = uploaded(pdf_with_lost_page())
    picture = drawn(version, page=2)
    assert picture.state == PictureState.FAILED
    assert picture.error == "Page 2 is damaged, so it can't be drawn. Read its text, or download the file."
    with pytest.raises(NotFoundError):
        page_picture_open(version=version, page=2)
    assert page_picture_of(version=version, page=2).state == PictureState.FAILED
    again = page_picture_of(version=version, page=2, again=True)
    assert (again.state, again.error, again.attempts) == (PictureState.WAITING, "", 0)


def test_who_lost_the_lease_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    version = uploaded()
    picture = page_picture_of(version=version, page=1)
    claim = PAGE_PICTURES.claim(limit=1)
    real, written = drawing.blob_write, []

    def while_it_is_drawn(*args: object, **named: object) -> object:
        PagePicture.objects.update(lease_owner="another worker")
        written.append(real(*args, **named))  # type: ignore[arg-type]
        return written[-1]

    monkeypatch.setattr(drawing, "blob_write", while_it_is_drawn)
    with pytest.raises(LeaseLostError):
        drawing.page_picture_draw(claim, turns.long())
    picture.refresh_from_db()
    assert (picture.state, picture.blob) == (PictureState.WAITING, "")
    assert not blob_path(written[0].name).exists()


def test_pictures_go_with_their_document_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    version = uploaded()
    other = drawn(uploaded())
    paths = [blob_path(drawn(version, page).blob) for page in (1, 2, 3)]
    monkeypatch.setattr("apps.documents.services.purging.ORPHAN_SECONDS", 0.0)
    blobs_purge(turns.long())
    assert all(path.exists() for path in paths)
    document_delete(document=version.document, actor=ACTOR)
    documents_purge(turns.long())
    assert not [path for path in paths if path.exists()]
    assert list(PagePicture.objects.all()) == [other]


def test_pictures_that_nobody_looks_at_go(monkeypatch: pytest.MonkeyPatch) -> None:
    version = uploaded()
    old, older, new = (drawn(version, page) for page in (1, 2, 3))
    PagePicture.objects.filter(pk=old.pk).update(seen_at=Now() - timedelta(days=2))
    PagePicture.objects.filter(pk=older.pk).update(seen_at=Now() - timedelta(days=40))
    assert not pictures_purge(turns.long())
    assert set(PagePicture.objects.all()) == {old, new}
    assert not blob_path(older.blob).exists()
    page_picture_of(version=version, page=1)
    old.refresh_from_db()
    assert old.seen_at > new.created_at, "somebody looked"
    monkeypatch.setattr(purging, "MOST_KEPT", 1)
    assert not pictures_purge(turns.long())
    assert list(PagePicture.objects.all()) == [old]
