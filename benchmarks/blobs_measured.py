"""The measuring half of benchmarks.blobs: imported once Django is set up."""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil
from django.conf import settings
from django.test.utils import override_settings

from apps.documents.blobs import blob_file, blob_write
from ragsite.core.configuration import StorageSettings
from ragsite.core.storage.places import blob_place, storage_at
from ragsite.stack.ports import find_free

SMALL = b"x" * 8_000
MEGABYTE = 1024 * 1024
READY_SECONDS = 60.0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    figures = _files(options)
    with _bucket() as url, override_settings(STORAGES={**settings.STORAGES, "blobs": storage_at(blob_place(url))}):
        return figures | _streamed(options.large)


def _files(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of the processor, as those of the disk differ from one write to the next; the store's by those by hand."""
    tenant, ratios = uuid4(), []
    for number in range(options.rounds):
        sides = (_by_store, _by_hand) if number % 2 else (_by_hand, _by_store)
        took = {side: _processor(lambda side=side: side(tenant, options.blobs)) for side in sides}
        ratios.append(took[_by_store] / took[_by_hand])
    return {"files: writing by the store against by hand": round(statistics.median(ratios), 2)}


def _streamed(megabytes: int) -> dict[str, Any]:
    """How far the resident memory grows beyond what a first small blob brought, in MB."""
    tenant = uuid4()
    _read(blob_write([SMALL], tenant_id=tenant, filename="first").name)
    parts = (os.urandom(MEGABYTE) for _ in range(megabytes))
    up, blob = _growth(lambda: blob_write(parts, tenant_id=tenant, filename="large"))
    down, digest = _growth(lambda: _digest_of(blob.name))
    assert digest == blob.sha256
    return {
        f"bucket: MB of memory while {megabytes} MB go up": round(up, 1),
        f"bucket: MB of memory while {megabytes} MB come down": round(down, 1),
    }


def _by_store(tenant: UUID, number: int) -> None:
    for _ in range(number):
        blob_write([SMALL], tenant_id=tenant, filename="a.txt")


def _by_hand(tenant: UUID, number: int) -> None:
    for _ in range(number):
        path = Path(StorageSettings.current().blob_dir, str(tenant), str(uuid4()))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            hashlib.sha256(SMALL).hexdigest()
            file.write(SMALL)
            file.flush()
            os.fsync(file.fileno())


def _read(name: str) -> bytes:
    with blob_file(name) as path:
        return path.read_bytes()


def _digest_of(name: str) -> str:
    with blob_file(name) as path, path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _processor(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _growth(work: Callable[[], Any]) -> tuple[float, Any]:
    process, over = psutil.Process(), threading.Event()
    before = most = process.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not over.wait(0.005):
            most = max(most, process.memory_info().rss)

    watching = threading.Thread(target=watch, name="watching")
    watching.start()
    try:
        done = work()
    finally:
        over.set()
        watching.join()
    return (most - before) / MEGABYTE, done


@contextmanager
def _bucket() -> Iterator[str]:
    """A bucket of moto's server, as RAGSITE_BLOB_STORE names it."""
    port = find_free()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(url)
        httpx.put(f"{url}/benchmark").raise_for_status()
        yield f"s3://benchmark?endpoint_url={url}&region=us-east-1"
    finally:
        server.terminate()
        server.wait()


def _await(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/moto-api/")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise TimeoutError(f"the server at {url} did not come up")
