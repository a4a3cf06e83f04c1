"""A collector of traces on the spot: OTLP over HTTP, kept in memory."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class CollectedSpan:
    """A span as it arrived."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str]
    raw: str


@dataclass
class Collector:
    """What has arrived so far."""

    url: str = ""
    spans: list[CollectedSpan] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for of_resource in request.resource_spans:
            service = next(a.value.string_value for a in of_resource.resource.attributes if a.key == "service.name")
            for one in (span for scope in of_resource.scope_spans for span in scope.spans):
                told = {a.key: a.value.string_value or str(a.value.int_value) for a in one.attributes}
                ids = one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex()
                self.spans.append(CollectedSpan(service, one.name, *ids, told, str(one)))

    def of_trace(self, trace_id: str) -> list[CollectedSpan]:
        return [one for one in self.spans if one.trace_id == trace_id]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens as long as the block runs."""
    collector = Collector()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
