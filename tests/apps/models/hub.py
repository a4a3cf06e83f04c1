"""A small hub on the loopback that speaks the protocol of the Hugging Face hub, and can be told to be a bad one."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants

from apps.models.services import hub as hub_module

LARGE = (".safetensors", ".gguf", ".bin")
PIECE = 4096
PATIENCE = 60.0


@dataclass
class Fault:
    """What goes wrong, `times` times, with what matches `on`: a status, a connection that is dropped, an answer that ends early
    or waits until it may go on, each after so many bytes, a flipped byte, or a range that is ignored.
    """

    kind: str
    on: str = ".safetensors"
    after: int = 0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 10**6
    may_go_on: threading.Event = field(default_factory=threading.Event)


@dataclass
class Hub:
    """Its repositories by name and commit, what is wrong with it, and what it was asked for."""

    server: ThreadingHTTPServer
    repositories: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    licence: str = "apache-2.0"
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def publish(self, name: str, folder: Path, *, commit: str, **more: bytes) -> None:
        """Offer a folder's files, and more by their names."""
        files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        self.repositories[name, commit] = files | {key.replace("__", "."): value for key, value in more.items()}

    def names_asked(self) -> set[str]:
        """The files that were asked for."""
        return {path.split("/resolve/")[1].partition("/")[2] for path, _ in self.asked if "/resolve/" in path}

    def ranges(self, name: str) -> list[str]:
        """The ranges in which a file was asked for, "" for all of it."""
        return [range_ for path, range_ in self.asked if path.endswith(f"/{name}")]

    def fault(self, path: str, *kinds: str) -> Fault | None:
        for one in self.faults:
            if one.kind in kinds and one.on in path and one.times > 0:
                one.times -= 1
                return one
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append((path, self.headers.get("Range", "")))
        if refused := self.hub.fault(path, "status"):
            self._send(refused.status, b"{}", refused.headers)
        elif path.startswith("/api/models/"):
            self._info(*path.removeprefix("/api/models/").split("/revision/"))
        elif path.startswith("/stored/"):
            self._file(path, self._stored(path.removeprefix("/stored/")), {}, body=body)
        else:
            self._resolve(path, body=body)

    def _info(self, name: str, commit: str) -> None:
        files = self.hub.repositories.get((name, commit))
        if files is None:
            code = "RevisionNotFound" if any(known == name for known, _ in self.hub.repositories) else "RepoNotFound"
            self._send(404, b"{}", {"X-Error-Code": code})
            return
        told = {
            "id": name,
            "sha": commit,
            "cardData": {"license": self.hub.licence},
            "siblings": [_sibling(file, content) for file, content in files.items()],
        }
        self._send(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def _resolve(self, path: str, *, body: bool) -> None:
        name, _, rest = path.lstrip("/").partition("/resolve/")
        commit, _, file = rest.partition("/")
        content = self.hub.repositories.get((name, commit), {}).get(file)
        if content is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_blob(content)}"'}
        if file.endswith(LARGE):
            sha256 = hashlib.sha256(content).hexdigest()
            linked = {"X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(content))}
            self._send(302, b"", headers | linked | {"Location": f"/stored/{sha256}/{file}"})
        else:
            self._file(path, content, headers, body=body)

    def _stored(self, path: str) -> bytes:
        sha256 = path.partition("/")[0]
        contents = [content for files in self.hub.repositories.values() for content in files.values()]
        return next(content for content in contents if hashlib.sha256(content).hexdigest() == sha256)

    def _file(self, path: str, content: bytes, headers: dict[str, str], *, body: bool) -> None:
        if self.hub.fault(path, "corrupt"):
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = 0
        if (wanted := self.headers.get("Range", "")) and not self.hub.fault(path, "no-ranges"):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            headers = headers | {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        self.send_response(206 if "Content-Range" in headers else 200)
        ends_early = self.hub.fault(path, "truncate")
        length = {} if ends_early else {"Content-Length": str(len(content) - start)}
        for key, value in {**headers, **length, "Connection": "close"}.items():
            self.send_header(key, value)
        self.end_headers()
        broken = ends_early or self.hub.fault(path, "drop")
        end = min(len(content), start + broken.after) if broken else len(content)
        self.close_connection = True
        if body and (held := self.hub.fault(path, "hold")):
            self._pour(content[start : start + held.after])
            held.may_go_on.wait(PATIENCE)
            start += held.after
        if body:
            # Who was killed meanwhile takes nothing more.
            with suppress(ConnectionError):
                self._pour(content[start:end])

    def _pour(self, content: bytes) -> None:
        for at in range(0, len(content), PIECE):
            self.wfile.write(content[at : at + PIECE])
            self.hub.sent += len(content[at : at + PIECE])
        self.wfile.flush()

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)


def _sibling(name: str, content: bytes) -> dict[str, Any]:
    told: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": _blob(content)}
    if name.endswith(LARGE):
        sha256 = hashlib.sha256(content).hexdigest()
        told["lfs"] = {"size": len(content), "sha256": sha256, "pointerSize": 134}
    return told


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextmanager
def hub_running() -> Iterator[Hub]:
    """A hub for as long as the block runs."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub = handler.hub = Hub(server)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[Hub]:
    """The hub that this process asks, as HF_ENDPOINT would name it; and a store of the test's own."""
    settings.RAGSITE_MODELS_DIR = tmp_path / "store"
    with hub_running() as running:
        monkeypatch.setattr(hub_module, "ENDPOINT", running.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield running
