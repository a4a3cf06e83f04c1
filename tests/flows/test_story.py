"""A document and a question, told by everything that tells of them: the numbers agree."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from ragsite_client import Client

from apps.documents.admin.addresses import span_url
from ragsite.stack.system import System
from tests.collector import Collector
from tests.flows.checks import published_of
from tests.flows.test_metrics import addresses, value
from tests.flows.test_surfaces import Admin
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

TEXT = "The harbour library of Nordholm lends books for three weeks. Its reading room closes at eight.\n"
QUESTION = "For how long does the harbour library of Nordholm lend books?"
MAY = ("read", "write", "query", "audit:read", "work:manage")
HAPPENED = (
    "document.created", "vector.indexed", "retrieval.completed", "query.processed", "generation.completed",
    "answer.rated",
)  # fmt: skip
STAGES = ("parse", "chunk", "embed", "activate")


@dataclass(frozen=True)
class Story:
    """What the caller was told, and how often what is counted had been counted before."""

    trace: str
    http: httpx.Client
    base: str
    version: dict[str, Any]
    answer: dict[str, Any]
    requests: dict[str, str]
    counted: dict[str, float]


def counters(running: System) -> dict[str, float]:
    """What metrics have counted of stages, answers and questions so far."""
    at = addresses(running)
    ends = "ragsite_stage_ends_total"
    workers = {"parse": "parsing", "embed": "models"}
    stages = {stage: value(at[workers.get(stage, "general")], ends, stage=stage, outcome="done") for stage in STAGES}
    asked = value(at["web"], "ragsite_step_seconds_count", step="generate")
    sent = value(at["relay"], "ragsite_relay_events_total", way="outbox", outcome="sent")
    return stages | {"asked": asked, "sent": sent}


@pytest.fixture(scope="module")
def story(running: System, client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Somebody uploads a document, asks about it, and likes the answer, within one trace."""
    trace, key = uuid4().hex, running.manage("apikey", "story", "--permissions", *MAY).strip()
    headers = {"Authorization": f"Bearer {key}", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    path = tmp_path_factory.mktemp("story") / "library.txt"
    path.write_text(TEXT)
    base = client.create_knowledge_base("A story that is told").id
    with httpx.Client(base_url=running.url, headers=headers, timeout=60) as http:
        counted = counters(running)
        with path.open("rb") as file:
            made = http.post("/api/v1/documents/", data={"knowledge_base": base}, files={"file": file})
        version_url = made.raise_for_status().json()["version"]["url"]
        version = wait_for(
            lambda: (told := http.get(version_url).json())["status"] in ("ready", "failed") and told,
            seconds=120, what="the version has ended",
        )  # fmt: skip
        asked = http.post("/api/v1/ask", json={"question": QUESTION, "knowledge_bases": [base]}).raise_for_status()
        answer = asked.json()
        rated = http.put(f"/api/v1/answers/{answer['id']}/feedback", json={"rating": "up"})
        rated.raise_for_status()
        requests = {"upload": made.headers["x-request-id"], "ask": asked.headers["x-request-id"]}
        yield Story(trace, http, base, version, answer, requests, counted)


@pytest.fixture(scope="module")
def told(running: System, story: Story) -> list[dict[str, Any]]:
    """The events of the story, as they are on Kafka, each once."""
    return published_of(running, story.trace, set(HAPPENED))


def one_of(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [one for one in events if one["type"] == kind]
    data: dict[str, Any] = found["data"]
    return data


def test_kafka_has_each_thing_that_happened_once(story: Story, told: list[dict[str, Any]]) -> None:
    happened = Counter(one["type"] for one in told if not one["type"].startswith("audit."))
    assert happened == Counter(HAPPENED)
    assert {one_of(told, kind)["document_id"] for kind in ("document.created", "vector.indexed")} == {
        story.version["document"]
    }
    generated, processed = one_of(told, "generation.completed"), one_of(told, "query.processed")
    assert generated["answer_id"] == story.answer["id"] == one_of(told, "answer.rated")["answer_id"]
    assert processed["citations"] == len(story.answer["citations"])
    assert len(generated["cited"]) == len(spans(story))
    assert processed["passages"] == one_of(told, "retrieval.completed")["passages"] == len(story.answer["passages"])
    assert processed["milliseconds"] == pytest.approx(story.answer["milliseconds"], abs=0.11)


def spans(story: Story) -> set[tuple[str, int, int]]:
    return {(one["version"], one["start"], one["end"]) for one in story.answer["citations"]}


def report(story: Story, name: str, rows: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The row of the story, once the consumer has kept it."""

    def row() -> dict[str, Any] | None:
        reply = story.http.get(f"/api/v1/analytics/{name}/", params={"knowledge_base": story.base})
        if reply.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return None
        found = reply.raise_for_status().json()[rows]
        return next((one for one in found if wanted(one)), None)

    found: dict[str, Any] = wait_for(row, seconds=90, what=f"the report {name}")
    return found


def test_clickhouse_says_the_same_in_its_reports(story: Story, told: list[dict[str, Any]]) -> None:
    generated = one_of(told, "generation.completed")
    quality = report(story, "quality", "rows", lambda one: bool(one["rated_up"] and one["questions"]))
    counts = {
        name: quality[name] for name in ("questions", "found", "statements", "supported", "citations", "rated_up")
    }
    assert counts == {
        "questions": 1, "found": 1, "statements": generated["statements"], "supported": generated["supported"],
        "citations": len(generated["cited"]), "rated_up": 1,
    }  # fmt: skip
    step = report(story, "costs", "steps", lambda one: one["step"] == "generate")
    assert step["times"] == 1
    assert step["milliseconds"] == pytest.approx(story.answer["milliseconds"]["generate"], abs=0.11)
    cited = report(story, "cited-passages", "passages", lambda one: one["questions"] == 1)
    assert cited["text"].strip() in TEXT
    waited = report(story, "waiting", "stages", lambda one: one["stage"] == "embed")
    assert waited["versions"] == 1


def test_metrics_have_counted_it(running: System, story: Story, told: list[dict[str, Any]]) -> None:
    """Others may be counted meanwhile, so that these are no fewer."""
    happened = dict.fromkeys(STAGES, 1) | {"asked": 1, "sent": len(told)}

    def missing() -> dict[str, float]:
        now = counters(running)
        return {
            name: now[name] - story.counted[name]
            for name in happened
            if now[name] - story.counted[name] < happened[name]
        }

    wait_for(lambda: not missing(), seconds=30, what=f"all is counted; too few are {missing()}")


def test_the_trace_and_the_logs_go_through_every_part(running: System, collector: Collector, story: Story) -> None:
    wanted = {"POST /api/v1/documents/", "POST /api/v1/ask", *(f"job {stage}" for stage in STAGES)}
    wait_for(
        lambda: wanted <= {one.name for one in collector.of_trace(story.trace)}, seconds=30, what="spans of all parts"
    )
    assert {story.version["trace_id"], story.answer["trace_id"]} == {story.trace}
    lines = [line for name in ("web", "parsing", "general", "models") for line in lines_of(running, name)]
    ours = [line for line in lines if line.get("trace_id") == story.trace]
    assert set(story.requests.values()) <= {line.get("request_id") for line in ours}
    assert set(STAGES) <= {line.get("job") for line in ours}


def lines_of(running: System, name: str) -> list[dict[str, Any]]:
    text = Path(running.supervisor.log(name)).read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_the_audit_log_says_who_did_it_and_what_they_were_shown(story: Story) -> None:
    def acts(request: str) -> list[dict[str, Any]]:
        found = story.http.get("/api/v1/audit-entries/", params={"request": story.requests[request]})
        results: list[dict[str, Any]] = found.raise_for_status().json()["results"]
        return results

    uploaded = wait_for(lambda: acts("upload"), seconds=30, what="who uploaded it")
    assert "document.created" in {one["action"] for one in uploaded}
    shown = wait_for(lambda: acts("ask"), seconds=30, what="who asked")
    assert "passages.shown" in {one["action"] for one in shown}
    assert {one["actor"] and one["door"] for one in [*uploaded, *shown]} == {"api"}


def test_the_admin_shows_both_with_what_was_done_when(running: System, story: Story) -> None:
    admin = Admin(running)
    page = admin.http.get(f"/admin/retrieval/answer/{story.answer['id']}/change/").text
    assert QUESTION in re.sub(r"\s+", " ", page)
    assert story.trace in page
    document = admin.http.get(span_url(story.base, story.version["document"]))
    assert document.is_success
    assert story.trace in document.text
