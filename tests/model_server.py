"""A model server on the loopback that speaks OpenAI's protocol, and misbehaves on command."""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.models.gateway import Deadline, Purpose, TextRole
from apps.models.gateway.fake import FakeTransport
from apps.models.installed_model import EmbeddingModel
from ragsite.core.ids import new_id

WAIT = 10.0
"""Seconds a test waits for what must happen, before it fails."""

MODEL = "tiny-chat"
KEY = "sk-not-to-be-seen-anywhere"


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as the server saw it."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]


Behaviour = Callable[["Exchange", Seen], None]


class Exchange(BaseHTTPRequestHandler):
    """One connection. What a behaviour writes goes out at once."""

    protocol_version = "HTTP/1.1"
    server: _Http

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: dict[str, Any]) -> None:
        seen = Seen(self.path, body, {name.lower(): value for name, value in self.headers.items()})
        self.server.owner.seen.append(seen)
        behave = self.server.owner.next_behaviour(seen)
        try:
            behave(self, seen)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
            self.server.owner.left.set()

    def log_message(self, *_: Any) -> None:
        pass

    def json(self, told: Any, *, status: int = 200, **headers: str) -> None:
        self.text(json.dumps(told), status=status, content_type="application/json", **headers)

    def text(self, text: str, *, status: int = 200, content_type: str = "text/html", **headers: str) -> None:
        raw = text.encode()
        self.begin(status, {"Content-Type": content_type, "Content-Length": str(len(raw)), **headers})
        self.wfile.write(raw)

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def stream(self) -> None:
        self.begin(200, {"Content-Type": "text/event-stream; charset=utf-8", "Transfer-Encoding": "chunked"})

    def part(self, raw: str | bytes) -> None:
        data = raw.encode() if isinstance(raw, str) else raw
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def event(self, told: Any) -> None:
        self.part(f"data: {told if isinstance(told, str) else json.dumps(told)}\n\n")

    def end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Close without an end."""
        self.close_connection = True
        self.connection.shutdown(2)

    def wait_until_left(self) -> None:
        """Until the client closes the connection."""
        self.connection.settimeout(WAIT)
        if self.connection.recv(1) == b"":
            self.server.owner.left.set()
        self.close_connection = True


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    owner: ModelServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave are what the tests are about; anything else is a fault of the test's server."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def piece(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


@dataclass
class ModelServer:
    """Says what it is told to, and what it has seen."""

    says: str = "The harbour has berths."
    offers: tuple[dict[str, Any], ...] = ({"id": MODEL, "max_model_len": 4096},)
    no_list: bool = False
    list_fails: bool = False
    is_tei: bool = False
    """Reranks as Text Embeddings Inference does, and has no list of models."""
    width: int = 16
    as_base64: bool = False
    longest: int = 4_000
    """Characters of a text that it has room for."""
    context: int = 100_000
    """Words of a conversation, likewise."""
    seen: list[Seen] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    """Whether a client closed its connection in the middle of an answer."""
    _next: deque[Behaviour] = field(default_factory=deque)
    _always: Behaviour | None = None
    url: str = ""

    def next_behaviour(self, seen: Seen) -> Behaviour:
        if seen.path.endswith("/models") and self.list_fails:
            return refuses(500, "Internal Server Error")
        if seen.path.endswith("/models") and (self.no_list or self.is_tei):
            return lambda http, _: http.text("page not found", status=404)
        if seen.path.endswith("/models"):
            return lambda http, _: http.json({"object": "list", "data": list(self.offers)})
        if self._next:
            return self._next.popleft()
        return self._always or self._well

    def then(self, *behaviours: Behaviour) -> None:
        """The next answers, one after another; from then on it behaves."""
        self._next.extend(behaviours)

    def always(self, behaviour: Behaviour | None) -> None:
        self._always = behaviour

    def asked(self, path: str = "/v1/chat/completions") -> list[dict[str, Any]]:
        """The bodies that came to a path."""
        return [one.body for one in self.seen if one.path == path]

    def _well(self, http: Exchange, seen: Seen) -> None:
        known = [offer["id"].removesuffix(":latest") for offer in self.offers]
        if not self.is_tei and "model" in seen.body and seen.body["model"] not in known:
            told = {"message": f'model "{seen.body["model"]}" not found, try pulling it first', "type": "api_error"}
            http.json({"error": told}, status=404)
        elif seen.path == "/v1/chat/completions":
            self._chat(http, seen.body)
        elif seen.path == "/v1/embeddings":
            self._embed(http, seen.body)
        elif seen.path == "/info" and self.is_tei:
            http.json({"model_id": MODEL, "max_input_length": 512})
        elif seen.path == ("/rerank" if self.is_tei else "/v1/rerank"):
            self._rerank(http, seen.body)
        else:
            http.text("page not found", status=404)

    def _chat(self, http: Exchange, body: dict[str, Any]) -> None:
        read = sum(len(message["content"].split()) for message in body["messages"])
        if read > self.context:
            told = f"The prompt has {read} tokens, more than the {self.context} of the model's context length."
            http.json({"object": "error", "message": told, "code": 400}, status=400)
            return
        words = self.says.split(" ")
        written = words[: body.get("max_tokens", len(words))]
        http.stream()
        for number, word in enumerate(written):
            http.event(piece(word if number == 0 else f" {word}"))
        http.event(piece("", "stop" if len(written) == len(words) else "length"))
        usage = {"prompt_tokens": read, "completion_tokens": len(written)}
        http.event({"choices": [], "usage": usage})
        http.event("[DONE]")
        http.end()

    def _embed(self, http: Exchange, body: dict[str, Any]) -> None:
        texts = body["input"]
        if len(texts) > 32 or any(len(text) > self.longest for text in texts):
            told = {"error": "Input validation error: `inputs` must have less than 512 tokens. Given: 600"}
            http.json(told, status=413)
            return
        rows = 3.0 * directions(texts, width=self.width)
        listed = [{"object": "embedding", "index": n, "embedding": self._written(row)} for n, row in enumerate(rows)]
        http.json({"object": "list", "data": listed[::-1], "model": body["model"]})

    def _written(self, row: np.ndarray) -> Any:
        return base64.b64encode(row.astype("<f4").tobytes()).decode() if self.as_base64 else row.tolist()

    def _rerank(self, http: Exchange, body: dict[str, Any]) -> None:
        texts = body.get("texts" if self.is_tei else "documents")
        if texts is None:
            http.json({"error": "missing field `texts`", "error_type": "Validation"}, status=422)
            return
        sought = set(body["query"].lower().split())
        shares = [len(sought & set(text.lower().split())) / len(sought) for text in texts]
        best = sorted(range(len(texts)), key=shares.__getitem__, reverse=True)
        if self.is_tei:
            http.json([{"index": n, "score": shares[n]} for n in best])
        else:
            http.json({"results": [{"index": n, "relevance_score": shares[n]} for n in best]})


def directions(texts: Sequence[str], *, width: int) -> np.ndarray:
    """What the fake transport answers: texts that share words lie close together."""
    model = EmbeddingModel(new_id(), "any", Path(), "", 512, dimensions=width)
    return FakeTransport().embed(
        texts, role=TextRole.QUERY, model=model, purpose=Purpose.QUERY, deadline=Deadline.after(WAIT)
    )


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """A server that runs until the block is left."""
    http = _Http(("127.0.0.1", 0), Exchange)
    http.owner = ModelServer(url=f"http://127.0.0.1:{http.server_address[1]}/v1")
    thread = threading.Thread(target=lambda: http.serve_forever(poll_interval=0.01), name="model server")
    thread.start()
    try:
        yield http.owner
    finally:
        http.shutdown()
        thread.join(WAIT)
        http.server_close()


def refuses(status: int, told: Any = "no", **headers: str) -> Behaviour:
    """An answer of that status."""
    return lambda http, _: http.json(told, status=status, **headers)


def streams(*parts: str | bytes, cut: bool = False) -> Behaviour:
    """A stream of these very bytes, with its end or without."""

    def behave(http: Exchange, _: Seen) -> None:
        http.stream()
        for one in parts:
            http.part(one)
        http.cut() if cut else http.end()

    return behave


def hangs(*parts: str | bytes) -> Behaviour:
    """As `streams`, and then nothing until the client has gone."""

    def behave(http: Exchange, _: Seen) -> None:
        if parts:
            http.stream()
        for one in parts:
            http.part(one)
        http.wait_until_left()

    return behave


@pytest.fixture
def engine() -> Iterator[ModelServer]:
    """A model server of this test's own; starting one takes a millisecond."""
    with model_server() as running:
        yield running
