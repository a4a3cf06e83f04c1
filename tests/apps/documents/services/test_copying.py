from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.documents.blobs import blobs_after, blobs_delete
from apps.documents.services import copying
from ragsite.core.errors import ConflictError, PermanentError, TransientError
from ragsite.core.ids import new_id
from ragsite.core.storage.places import S3Place
from ragsite.core.storage.store import Parts
from tests import s3


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "PAGE", 3)


def url(place: S3Place) -> str:
    return f"s3://{place.bucket}/{place.prefix}?endpoint_url={place.endpoint_url}&region={place.region}"


def filled(place: S3Place | None, number: int = 8) -> dict[str, bytes]:
    store = s3.store_at(place)
    contents = {f"{new_id()}/{new_id()}": str(n).encode() for n in range(number)}
    for name, content in contents.items():
        store.save(name, Parts([content]))
    return contents


def contents_of(place: S3Place | None) -> dict[str, bytes]:
    store, found = s3.store_at(place), {}
    for name in store.names_after("", limit=1_000):
        with store.open(name) as file:
            found[name] = file.read()
    return found


def copied(target: str) -> tuple[int, int]:
    pages = list(copying.blobs_copy(target))
    return sum(page.copied for page in pages), sum(page.there for page in pages)


@pytest.mark.parametrize("into_bucket", [True, False], ids=["into a bucket", "into files"])
def test_every_blob_is_copied_once_and_the_rest_another_time(bucket: S3Place, settings: Any, into_bucket: bool) -> None:
    source, target = (None, bucket) if into_bucket else (bucket, None)
    s3.blobs_at(settings, source)
    contents = filled(source)
    there = url(bucket) if into_bucket else "files"
    assert copied(there) == (8, 0)
    assert contents_of(target) == contents == contents_of(source)
    contents |= filled(source, 2)
    assert copied(there) == (2, 8)
    assert contents_of(target) == contents


def test_what_the_target_has_beside_does_not_hide_what_it_lacks(bucket: S3Place, settings: Any) -> None:
    s3.blobs_at(settings, bucket)
    contents = filled(bucket)
    assert copied("files") == (8, 0)
    settings.STORAGES = {**settings.STORAGES}
    blobs_delete(blobs_after("", limit=6))
    contents |= filled(bucket, 3)
    assert copied("files") == (3, 2)
    assert contents_of(None) == contents


def test_a_copy_that_was_interrupted_is_taken_up(bucket: S3Place, settings: Any) -> None:
    s3.blobs_at(settings, None)
    contents = filled(None)
    pages = copying.blobs_copy(url(bucket))
    assert next(pages).copied == 3
    pages.close()
    assert copied(url(bucket)) == (5, 3)
    assert contents_of(bucket) == contents


def test_targets_that_make_no_sense_are_refused_before_anything_is_copied(bucket: S3Place) -> None:
    with pytest.raises(ConflictError, match="already there"):
        copied(url(bucket))
    with pytest.raises(PermanentError, match="'B' is no name of a bucket"):
        copied("s3://B")
    with pytest.raises(TransientError, match="no bucket 'missing'"):
        copied(f"s3://missing?endpoint_url={bucket.endpoint_url}")


def test_the_command_tells_how_many(bucket: S3Place, settings: Any) -> None:
    s3.blobs_at(settings, None)
    filled(None, 4)
    said = io.StringIO()
    call_command("blobs_copy", url(bucket), "--dry-run", stdout=said)
    assert (said.getvalue(), contents_of(bucket)) == ("4 would be copied, 0 are there.\n", {})
    said = io.StringIO()
    call_command("blobs_copy", url(bucket), stdout=said)
    assert said.getvalue() == "4 copied, 0 were there.\n"
    with pytest.raises(CommandError, match="The target must be empty"):
        call_command("blobs_copy", "ftp://x", stdout=said, stderr=said)
