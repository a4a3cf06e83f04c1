"""What a bucket has beside the contract: how often it is asked, what is not ours in it, and its faults in words."""

from __future__ import annotations

import os
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from ragsite.core.errors import TransientError
from ragsite.core.ids import new_id
from ragsite.core.storage import s3_client
from ragsite.core.storage.places import S3Place
from ragsite.core.storage.s3 import DELETED_AT_ONCE
from ragsite.core.storage.s3_client import Patience, bucket_check, s3_resource
from ragsite.core.storage.store import Parts
from tests import s3

MEGABYTE = 1024 * 1024
NOWHERE = "http://127.0.0.1:1"
IMPATIENT = Patience(connect=0.3, read=0.3, tries=2)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long the client waits between two tries is its own affair."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


def filled(place: S3Place, number: int) -> list[str]:
    """So many small blobs of one tenant, put there without the store; their names in order."""
    tenant, client = new_id(), s3.client_of(place)
    names = sorted(f"{tenant}/{new_id()}" for _ in range(number))
    for name in names:
        client.put_object(Bucket=place.bucket, Key=f"{place.prefix}/{name}", Body=b"x")
    return names


def test_keys_lie_below_the_prefix_by_tenant(bucket: S3Place) -> None:
    name = s3.store_at(bucket).save(f"{new_id()}/{new_id()}", Parts([b"x"]))
    assert s3.keys_in(bucket) == [f"{bucket.prefix}/{name}"]


def test_names_ages_and_removals_take_a_request_for_a_page_of_keys_wherever_they_are(
    bucket: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragsite.core.storage.s3.DELETED_AT_ONCE", s3.KEYS_A_PAGE)
    store, names = s3.store_at(bucket), filled(bucket, 2 * s3.KEYS_A_PAGE + 5)
    with s3.requests_counted(bucket) as made:
        for position in ("", names[5], names[50]):
            assert len(store.names_after(position, limit=40)) == 40
        assert made == ["ListObjectsV2"] * 3
        assert store.names_after("", limit=5_000) == names
        assert made[3:] == ["ListObjectsV2"] * 3
        del made[:]
        assert store.older_than(names[10:50:7], -50) == names[10:50:7]
        assert len(made) == 1
        store.remove(names)
    assert made[1:] == ["DeleteObjects"] * 3
    assert s3.keys_in(bucket) == []


def test_no_request_removes_more_keys_than_s3_allows() -> None:
    assert DELETED_AT_ONCE == 1_000


def test_what_others_keep_in_the_bucket_is_not_seen(bucket: S3Place) -> None:
    root = replace(bucket, prefix="")
    ours = f"{new_id()}/{new_id()}"
    for key in ("backup.tar", f"{new_id()}/notes.txt", f"other/{ours}", ours):
        s3.client_of(bucket).put_object(Bucket=bucket.bucket, Key=key, Body=b"x")
    assert s3.store_at(root).names_after("", limit=10) == [ours]
    assert s3.store_at(bucket).names_after("", limit=10) == []


def test_a_small_blob_is_one_request_and_a_large_one_goes_in_parts(bucket: S3Place) -> None:
    store = s3.store_at(bucket)
    with s3.requests_counted(bucket) as made:
        store.save(f"{new_id()}/{new_id()}", Parts([b"x" * MEGABYTE]))
        assert made == ["PutObject"]
        store.save(f"{new_id()}/{new_id()}", Parts([b"x" * MEGABYTE] * 20))
    assert made[1:] == ["CreateMultipartUpload", *["UploadPart"] * 3, "CompleteMultipartUpload"]


def test_a_stream_takes_a_few_parts_of_memory_whatever_its_size(bucket: S3Place) -> None:
    """96 MB in parts of 8: the sum would be 12 parts."""
    store, name = s3.store_at(bucket), f"{new_id()}/{new_id()}"
    store.check()
    up = peak_of(lambda: store.save(name, Parts(b"x" * MEGABYTE for _ in range(96))))
    assert up < 40 * MEGABYTE

    def down() -> None:
        with store.open(name) as file:
            assert sum(len(piece) for piece in file.chunks(MEGABYTE)) == 96 * MEGABYTE

    assert peak_of(down) < 10 * MEGABYTE


def peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_connections_are_used_again(bucket: S3Place) -> None:
    s3_client._resource.cache_clear()
    store = s3.store_at(bucket)
    names = [store.save(f"{new_id()}/{new_id()}", Parts([b"x"])) for _ in range(5)]
    for name in names:
        with store.open(name) as file:
            assert file.read() == b"x"
    http = s3_resource(bucket).meta.client._endpoint.http_session
    (pool,) = [http._manager.pools[key] for key in list(http._manager.pools.keys()) if key.key_port == port_of(bucket)]
    assert (pool.num_connections, pool.num_requests) == (1, 10)


def test_a_forked_child_has_a_client_of_its_own(bucket: S3Place) -> None:
    ours = s3_resource(bucket)
    pid = os.fork()
    if pid == 0:
        os._exit(3 if s3_resource(bucket) is ours else 0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "it would read what its parent is sent"
    assert s3_resource(bucket) is ours


def port_of(place: S3Place) -> int:
    return int(str(place.endpoint_url).rpartition(":")[2])


Deed = Callable[[Any], object]
NAME = f"{new_id()}/{new_id()}"
DEEDS: dict[str, Deed] = {
    "save": lambda store: store.save(NAME, Parts([b"x"])),
    "save a large one": lambda store: store.save(NAME, Parts([b"x" * MEGABYTE] * 20)),
    "open": lambda store: store.open(NAME),
    "remove": lambda store: store.remove([NAME]),
    "names": lambda store: store.names_after("", limit=5),
    "ages": lambda store: store.older_than([NAME], 0),
    "check": lambda store: store.check(),
}
deeds = pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)


@deeds
def test_an_unavailable_server_is_reported_as_a_transient_error(credentials: None, deed: Deed) -> None:
    place = S3Place("bucket", endpoint_url=NOWHERE, region="us-east-1")
    with pytest.raises(TransientError) as caught:
        deed(s3.store_at(place))
    assert caught.value.error_code == "storage_failed"
    assert caught.value.message.startswith("The storage for documents does not answer: Could not connect")
    assert "RAGSITE_BLOB_STORE" in caught.value.error_action


@deeds
def test_a_missing_bucket_is_reported_by_its_name(bucket: S3Place, deed: Deed) -> None:
    with pytest.raises(TransientError) as caught:
        deed(s3.store_at(replace(bucket, bucket="no-such-bucket")))
    assert caught.value.sentence == (
        "The storage for documents has no bucket 'no-such-bucket'. Make it, or correct RAGSITE_BLOB_STORE."
    )


@deeds
def test_without_credentials_it_says_which_to_give(
    s3_server: str, credentials: None, monkeypatch: pytest.MonkeyPatch, deed: Deed
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    s3_client._resource.cache_clear()
    place = S3Place("without-credentials", endpoint_url=s3_server, region="us-east-1")
    with pytest.raises(TransientError, match="no credentials") as caught:
        deed(s3.store_at(place))
    s3_client._resource.cache_clear()
    assert "AWS_ACCESS_KEY_ID" in caught.value.error_action


@pytest.fixture
def strict(s3_server: str) -> Iterator[None]:
    """The server looks at keys."""
    httpx.post(f"{s3_server}/moto-api/reset-auth", content="0")
    yield
    httpx.post(f"{s3_server}/moto-api/reset-auth", content="1000000000")


@deeds
def test_wrong_credentials_are_reported(bucket: S3Place, strict: None, deed: Deed) -> None:
    with pytest.raises(TransientError, match="refuses our credentials") as caught:
        deed(s3.store_at(bucket))
    assert "AWS_SECRET_ACCESS_KEY" in caught.value.error_action


@pytest.mark.parametrize(
    ("status", "code", "words", "told"),
    [
        (507, "QuotaExceeded", "is full. Free some space", "storage_full"),
        (403, "AccessDenied", "in the bucket 'bucket' (AccessDenied)", "storage_failed"),
        (503, "SlowDown", "refused the request (SlowDown: Because.)", "storage_failed"),
        (500, "InternalError", "refused the request (InternalError: Because.)", "storage_failed"),
    ],
)
def test_what_the_server_says_is_reported_in_words(
    credentials: None, status: int, code: str, words: str, told: str
) -> None:
    place = S3Place("bucket", region="us-east-1")
    with (
        s3.misbehaving(place, status=status, body=s3.error_body(code)) as there,
        pytest.raises(TransientError) as caught,
    ):
        s3.store_at(there).save(NAME, Parts([b"x"]))
    assert words in caught.value.sentence
    assert caught.value.error_code == told


def test_a_key_that_cannot_be_removed_is_an_error_though_the_request_went_well(credentials: None) -> None:
    refused = f"<DeleteResult><Error><Key>{NAME}</Key><Code>AccessDenied</Code><Message/></Error></DeleteResult>"
    removed = s3.misbehaving(S3Place("bucket", region="us-east-1"), body=refused.encode())
    with removed as there, pytest.raises(TransientError, match="AccessDenied"):
        s3.store_at(there).remove([NAME])


def test_a_body_that_breaks_off_is_an_error_and_not_a_short_blob(credentials: None) -> None:
    broken = s3.misbehaving(S3Place("bucket", region="us-east-1"), body=b"half", length=8)
    with broken as there, s3.store_at(there).open(NAME) as file, pytest.raises(TransientError, match="does not answer"):
        while file.read(1_000):
            pass


def test_a_server_that_is_silent_is_given_up(credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_client, "ASKING", IMPATIENT)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = S3Place("bucket", endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}", region="us-east-1")
        with pytest.raises(TransientError, match="Read timeout"):
            bucket_check(place)


@pytest.mark.parametrize("patience", [s3_client.WORKING, s3_client.ASKING])
def test_no_request_waits_forever(credentials: None, patience: Patience) -> None:
    config = s3_resource(S3Place("bucket", region="us-east-1"), patience).meta.client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (patience.connect, patience.read)
    assert config.retries["total_max_attempts"] == patience.tries
    assert patience.tries * (patience.connect + patience.read) <= 70
