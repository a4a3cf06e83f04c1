"""One trace from the caller to the events, in what the collector takes, the logs, the pages' API and Kafka."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from ragsite_client import Client

from ragsite.stack.system import System
from tests.collector import CollectedSpan, Collector
from tests.flows.checks import Database, await_outbox_sent, published_of
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

TEXT = "The foghorn of Nordholm sounds every ninety seconds.\n"
QUESTION = "How often does the foghorn of Nordholm sound?"
SPAN = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def asked(running: System, client: Client, key: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any, Any]:
    """The id of a caller's trace in which a document was uploaded and a question asked, with the version and the answer."""
    trace = uuid4().hex
    headers = {"Authorization": f"Bearer {key}", "traceparent": f"00-{trace}-{SPAN}-01"}
    path = tmp_path_factory.mktemp("traced") / "foghorn.txt"
    path.write_text(TEXT)
    base = client.create_knowledge_base("Signals that are traced").id
    with httpx.Client(base_url=running.url, headers=headers, timeout=60) as http:
        with path.open("rb") as file:
            made = http.post("/api/v1/documents/", data={"knowledge_base": base}, files={"file": file})
        assert made.headers["traceresponse"].split("-")[1] == trace
        version_url = made.json()["version"]["url"]
        ended = wait_for(
            lambda: (told := http.get(version_url).json())["status"] in ("ready", "failed") and told,
            seconds=120, what="the version has ended",
        )  # fmt: skip
        answer = http.post("/api/v1/ask", json={"question": QUESTION, "knowledge_bases": [base]})
        assert answer.headers["traceresponse"].split("-")[1] == trace
    return trace, ended, answer.json()


def test_a_trace_goes_through_requests_jobs_statements_models_and_events(
    collector: Collector, database: Database, asked: tuple[str, Any, Any]
) -> None:
    trace, version, answer = asked
    assert (version["status"], answer["found"]) == ("ready", True)
    await_outbox_sent(database, seconds=60)
    wanted = {
        "POST /api/v1/documents/", "POST /api/v1/ask", "job parse", "job chunk", "job embed", "job activate",
        "send ragsite.document", "task model_call",
    }  # fmt: skip

    def names() -> set[str]:
        return {one.name for one in collector.of_trace(trace)}

    wait_for(lambda: wanted <= names(), seconds=30, what=f"spans of all parts: {wanted - names()}")
    spans = collector.of_trace(trace)
    by_id = {one.span_id: one for one in spans}
    assert {one.service for one in spans} == {"ragsite-web", "ragsite-command"}
    (upload,) = [one for one in spans if one.name == "POST /api/v1/documents/"]
    assert int(upload.attributes["ragsite.db.statements"]) > 3
    models = [one for one in spans if one.attributes.get("gen_ai.operation.name") == "embeddings"]
    above = {name for one in models for name in _above(one, by_id)}
    assert above >= {"POST /api/v1/ask", "POST /api/v1/documents/", "job embed"}
    assert all(one.parent_id == SPAN for one in spans if one.name.startswith(("POST", "GET")))


def test_no_span_says_what_was_uploaded_asked_or_answered(collector: Collector, key: str, asked: object) -> None:
    raw = "".join(one.raw for one in collector.spans)
    for secret in ("foghorn", "ninety seconds", key, key.partition(".")[2]):
        assert secret not in raw


def test_the_same_trace_is_in_the_logs_the_timelines_and_the_events(
    running: System, asked: tuple[str, Any, Any]
) -> None:
    trace, version, answer = asked
    assert (version["trace_id"], answer["trace_id"]) == (trace, trace)
    assert {"wait", "step"} <= {one["kind"] for one in version["timeline"]}
    assert {"embed", "generate"} <= {one["name"] for one in answer["timeline"]}
    assert any(one["kind"] == "model" for one in answer["timeline"])

    lines = {name: _lines(running, name) for name in ("web", "parsing", "general", "models")}
    routes = {one.get("route") for one in lines["web"] if one.get("trace_id") == trace}
    assert {"/api/v1/documents/", "/api/v1/ask"} <= routes
    jobs = {one["job"]: one for name in lines for one in lines[name] if one.get("trace_id") == trace and "job" in one}
    assert jobs.keys() >= {"parse", "chunk", "embed", "activate"}
    assert version["document"] in jobs["parse"]["document_ids"]

    published_of(running, trace, {"document.created", "vector.indexed", "query.processed"})


def _above(span: CollectedSpan, by_id: dict[str, CollectedSpan]) -> list[str]:
    """The names of the spans that it is part of."""
    names = []
    while span.parent_id in by_id:
        span = by_id[span.parent_id]
        names.append(span.name)
    return names


def _lines(running: System, name: str) -> list[dict[str, Any]]:
    text = Path(running.supervisor.log(name)).read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
