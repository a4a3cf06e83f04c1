"""A server that speaks S3 for the session, a bucket of its own for a test, and servers that misbehave."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from boto3.session import Session
from django.core.files.storage import storages

from ragsite.core.storage.places import S3Place, storage_at
from ragsite.core.storage.s3_client import s3_resource
from ragsite.stack.ports import find_free
from tests.waiting import wait_for

KEYS_A_PAGE = 50


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of moto's server, a process of its own. It lists fewer keys a page than the thousand of others."""
    port = find_free()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environ = os.environ | {"MOTO_S3_DEFAULT_MAX_KEYS": str(KEYS_A_PAGE)}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _answers(url), seconds=60, what=f"the S3 server at {url}")
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that moto takes, and nothing else that a client might find on this machine."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def bucket(s3_server: str, credentials: None, settings: Any) -> S3Place:
    """A new bucket, in which this test's blobs lie."""
    place = S3Place(f"test-{uuid.uuid4()}", prefix="blobs/of-us", endpoint_url=s3_server, region="us-east-1")
    client_of(place).create_bucket(Bucket=place.bucket)
    blobs_at(settings, place)
    return place


def blobs_at(settings: Any, place: S3Place | None) -> None:
    """Let the test's blobs lie there."""
    settings.STORAGES = {**settings.STORAGES, "blobs": storage_at(place)}


def store_at(place: S3Place | None) -> Any:
    """A store of its own, beside that of the settings."""
    return storages.create_storage(storage_at(place))


def client_of(place: S3Place) -> Any:
    """A client beside those of the code that is tested."""
    return _client(place.endpoint_url, place.region)


def keys_in(place: S3Place) -> list[str]:
    """What is in the bucket, no matter who put it there."""
    pages = client_of(place).get_paginator("list_objects_v2").paginate(Bucket=place.bucket)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


def begun_in(place: S3Place) -> list[str]:
    """Uploads in parts that were neither completed nor aborted."""
    return [upload["Key"] for upload in client_of(place).list_multipart_uploads(Bucket=place.bucket).get("Uploads", ())]


@contextmanager
def requests_counted(place: S3Place) -> Iterator[list[str]]:
    """The requests of this process's client in the block, by operation; tries that are repeated count each."""
    events, made = s3_resource(place).meta.client.meta.events, list[str]()

    def note(event_name: str, **_: Any) -> None:
        made.append(event_name.rpartition(".")[2])

    events.register("before-send.s3", note)
    try:
        yield made
    finally:
        events.unregister("before-send.s3", note)


@contextmanager
def misbehaving(
    place: S3Place, *, status: int = 200, body: bytes = b"", length: int | None = None
) -> Iterator[S3Place]:
    """The place with a server that answers everything alike; with a `length`, it says that it sends so many bytes."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            self.close_connection = True

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="misbehaving")
    thread.start()
    try:
        yield replace(place, endpoint_url=f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def error_body(code: str) -> bytes:
    """What a server that speaks S3 says about an error."""
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Because.</Message></Error>".encode()


@functools.cache
def _client(endpoint_url: str | None, region: str | None) -> Any:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return Session(**keys).client("s3", endpoint_url=endpoint_url, region_name=region)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/moto-api/", timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
