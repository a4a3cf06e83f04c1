"""The measuring half of benchmarks.pages: imported once Django is set up."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.documents.admin.addresses import document_url, place_url
from apps.documents.models import Chunk, Document, DocumentVersion
from apps.monitoring.navigation import DAILY, LOOKED_INTO
from apps.monitoring.operations.tabs import TABS as OPERATIONS
from apps.monitoring.workspace.document.page import PARTS
from apps.monitoring.workspace.documents.filters import LAST_PAGE, ORDERS, PAGE_SIZE, State
from apps.monitoring.workspace.place import workspace_url
from apps.monitoring.workspace.tabs import TABS
from apps.retrieval.models import EvaluationRun, EvaluationSet, Query
from benchmarks.pages_made import Made, few_made, more_made
from benchmarks.place import say
from ragsite.core.admin.base import row_url

HOST = "localhost"
REPEATS = 5
LIMIT_MS = 300
SLOW = 3.0
"""A page that took so many seconds is not asked for five times."""

WORDS = {"retrieval.query": "Zadar", "auth.user": "member", "core.outboxevent": "nothing-has-this-key"}
"""What lists are searched for, where not for a word of titles."""
WORD = "tariffs"


@dataclass(frozen=True, slots=True)
class Page:
    """A page by its name and its address."""

    name: str
    path: str


def pages(made: Made) -> Iterator[Page]:
    """Every page of the admin. One more page is one more line here; lists come by themselves from the sidebar."""
    base = made.base
    documents, failures = workspace_url(base, "documents"), reverse("failures")
    yield Page("home", reverse("admin:index"))
    yield Page("home, live", reverse("home-live"))
    yield Page("health", reverse("health-page"))
    yield Page("search box", "/admin/search/?s=crane 1998")
    yield Page("failures", failures)
    yield Page("failures of one knowledge base", f"{failures}?knowledge_base={base.pk}")
    yield Page("jobs", reverse("jobs"))
    yield Page("jobs, live", f"{reverse('jobs')}?part=list")
    yield from (Page(f"operations, {tab.name}", tab.url) for tab in OPERATIONS)
    yield from (Page(f"operations, usage of {days} days", _usage(days)) for days in (1, 30, 90))
    yield from (Page(f"tab {tab.slug}", workspace_url(base, tab.slug)) for tab in TABS)
    run, before = EvaluationRun.objects.all()[:2]
    yield Page("tab evaluate, two runs", f"{workspace_url(base, 'evaluate')}?run={run.pk}&against={before.pk}")
    yield Page("tab evaluate, live", f"{workspace_url(base, 'evaluate')}?part=live")
    yield Page("tab index, live", f"{workspace_url(base, 'index')}?part=live")
    asked = [f"state={state.value}" for state in State] + [f"order={order}" for order in ORDERS]
    asked += ["part=list&poll=1", "type=pdf", "tag=topic-3", "q=tariffs 1998", "q=doc-777", "q=nothing-is-called-so"]
    yield from (Page(f"tab documents, {query}", f"{documents}?{query}") for query in asked)
    last = min(LAST_PAGE, max(1, Document.objects.filter(knowledge_base=base).count() // PAGE_SIZE))
    yield Page("tab documents, last page", f"{documents}?page={last}")
    yield Page("tab documents, last page by name", f"{documents}?order=name&page={last}")
    document = _document(made)
    version = DocumentVersion.objects.select_related("document").get(pk=document.current_version_id)
    yield Page("document page", document_url(document))
    yield from (Page(f"document page, {part}", f"{document_url(document)}?part={part}") for part in PARTS)
    yield Page("document page, place", f"{place_url(version)}?start=0&end=74")
    for row in _rows(made, document, version):
        yield Page(f"a {row._meta.verbose_name}", row_url(row))
    for model in [name for entry in (*DAILY, *LOOKED_INTO) for name in entry.models]:
        yield from _lists(model, made.users["superuser"])


def _usage(days: int) -> str:
    """A period of so many days to today: longer than a month, the page loads its figures as a part."""
    first = timezone.localdate() - timedelta(days=days - 1)
    return f"{reverse('usage')}?first={first}&part=live"


def _document(made: Made) -> Document:
    return Document.objects.filter(knowledge_base=made.base, restricted=False).exclude(current_version=None)[10]


def _rows(made: Made, document: Document, version: DocumentVersion) -> list[Model]:
    question = Query.objects.filter(user=made.users["reader"])[10]
    measured = [EvaluationSet.objects.all()[0], EvaluationRun.objects.all()[0]]
    return [document, version, Chunk.objects.filter(version=version)[0], question, made.users["reader"], *measured]


def _lists(model: str, user: User) -> Iterator[Page]:
    """A list, its search, and one choice of each of its filters."""
    path = reverse(f"admin:{model.replace('.', '_')}_changelist")
    yield Page(f"list {model}", path)
    kept = next(one for one in admin.site._registry if one._meta.label_lower == model)
    shown = admin.site._registry[kept]
    if shown.search_fields:
        yield Page(f"list {model}, searched", f"{path}?q={WORDS.get(model, WORD)}")
    request = RequestFactory(SERVER_NAME=HOST).get(path)
    request.user = user
    changelist = shown.get_changelist_instance(request)
    for spec in changelist.filter_specs:
        chosen = [one for one in spec.choices(changelist) if not one.get("selected") and one.get("query_string")]
        if chosen:
            yield Page(f"list {model} by {spec.title}", f"{path}{chosen[-1]['query_string']}")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Ask for the pages over few documents, then over many.

    `queries_constant` says that none asks for more over many; the first round may ask for what a process then knows.
    """
    begun = time.perf_counter()
    few = options.questions * options.small // options.documents
    made = few_made(options.small, chunks=options.chunks, questions=few)
    before = _asked(made, options.only)
    more_made(
        made, options.small, options.documents, chunks=options.chunks, questions=options.questions - few
    )  # fmt: skip
    say(f"made in {time.perf_counter() - begun:.0f} s with the first round; asking …")
    after = _asked(made, options.only)
    found = {
        name: {**after[name], "of_few_ms": before[name]["ms"], "few_queries": before[name]["queries"]}
        for name in after.keys() & before.keys()
    }
    for told in found.values():
        told["ratio"] = round(told["ms"] / told["of_few_ms"], 2)
    return {
        "documents": Document.objects.filter(knowledge_base=made.base).count(),
        "chunks": Chunk.objects.count(),
        "pages": dict(sorted(found.items())),
        "pages_over_300ms": sum(told["ms"] > LIMIT_MS for told in found.values()),
        "pages_over_300ms_of_processor": sum(told["processor_ms"] > LIMIT_MS for told in found.values()),
        "slowest_ms": max(told["ms"] for told in found.values()),
        "most_queries": max(told["queries"] for told in found.values()),
        "queries_constant": all(told["queries"] <= told["few_queries"] for told in found.values()),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures for people: the slowest page first, then what they come to."""
    rows = sorted(figures["pages"].items(), key=lambda item: -item[1]["ms"])
    lines = [
        f"{told['ms']:9.1f} ms  {told['processor_ms']:9.1f} of processor  {told['queries']:4d} queries  x{told['ratio']:<7.2f}"
        f" {name}{_changed(told)}"
        for name, told in rows
    ]
    lines += [f"{told['statement_ms']} ms in {name}: {told['statement']}" for name, told in rows if told["statement"]]
    return "\n".join([*lines, *(f"{name}: {said}" for name, said in figures.items() if name != "pages")])


def _changed(told: dict[str, Any]) -> str:
    return "" if told["queries"] == told["few_queries"] else f" ({told['few_queries']} over few documents)"


def _asked(made: Made, only: str) -> dict[str, dict[str, Any]]:
    found = {}
    wanted = [page for page in pages(made) if only in page.name]
    for who, user in made.users.items():
        client = Client(SERVER_NAME=HOST, raise_request_exception=False)
        client.force_login(user)
        for page in wanted:
            told = _timed(client, page, must=who == "superuser")
            if told:
                found[f"{page.name} ({who})"] = told
    return found


def _timed(client: Client, page: Page, *, must: bool) -> dict[str, Any] | None:
    """Milliseconds and queries of a page; None where it is not for this user."""
    begun = time.perf_counter()
    with CaptureQueriesContext(connection) as queries:
        status = client.get(page.path).status_code
    captured = queries.captured_queries
    warm = time.perf_counter() - begun
    if status != 200:
        if must:
            raise RuntimeError(f"{page.name} answered {status}.")
        return None
    taken = [_taken(client, page) for _ in range(1 if warm > SLOW else REPEATS)]
    milliseconds, processor = (round(statistics.median(times) * 1000, 1) for times in zip(*taken, strict=True))
    slowest = max(captured, key=lambda one: float(one["time"]), default={"sql": "", "time": 0})
    is_over = milliseconds > LIMIT_MS
    return {
        "ms": milliseconds,
        "processor_ms": processor,
        "queries": len(captured),
        "statement": slowest["sql"] if is_over else "",
        "statement_ms": round(float(slowest["time"]) * 1000) if is_over else 0,
    }


def _taken(client: Client, page: Page) -> tuple[float, float]:
    """Seconds by the clock, and those on a processor: of this process and of the database's."""
    begun, spent = time.perf_counter(), _spent()
    client.get(page.path)
    return time.perf_counter() - begun, _spent() - spent


def _spent() -> float:
    """What else runs on the machine does not count; neither do helpers of the database's process, so it must have none."""
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0; SELECT pg_backend_pid()")
        cursor.nextset()
        server = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")
    return time.process_time() + int(server.read_text().split()[0]) / 1e9
