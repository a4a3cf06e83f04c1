"""The measuring half of benchmarks.tenants: imported once Django is set up."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from unittest.mock import patch

from django.contrib.auth.models import User
from django.db import connection, connections
from django.db.backends.utils import CursorWrapper
from django.test import Client
from django.urls import reverse

from apps.documents.intake.uploads import UploadRequest, document_upload
from apps.documents.models import Document, KnowledgeBase
from apps.documents.services.knowledge_bases import knowledge_base_create
from apps.models.services.registry import bundled_model_path, model_register
from apps.monitoring.metrics import database_read
from apps.monitoring.workspace.place import workspace_url
from benchmarks.acting import ACTOR
from benchmarks.pages_made import Made, base_made, documents_made, questions_made, settled
from benchmarks.place import say
from ragsite.core.work import Turn
from ragsite.gateway.keys import api_key_create
from ragsite.gateway.members import member_add
from ragsite.gateway.models import Membership, Permission, Role, Tenant
from workers.jobs import STAGES, job_named
from workers.running import job_run
from workers.sweep import sweep

HOST = "localhost"
PASSWORD = "berths-and-cranes-42"  # noqa: S105 - of a database that lasts as long as this run
CHUNKS, QUESTIONS = 3, 10
"""Of each document and tenant that SQL makes."""

JOBS = (
    "parse",
    "chunk",
    "embed",
    "activate",
    "evaluate",
    "reindex",
    "erase",
    "documents-purge",
    "generations-purge",
    "alerts-judge",
)
"""Jobs whose run is measured while nothing waits for them."""

FLUSHED_SECONDS = 1.0
SETTLED_FIRST = 2
"""Runs before those that are measured: caches of this process fill."""


@dataclass(frozen=True, slots=True)
class Asking:
    """The tenant that everything is asked as."""

    base: KnowledgeBase
    owner: User
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one request: statements, pages of PostgreSQL, milliseconds."""

    statements: int
    pages: float
    milliseconds: float


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """What each request costs beside few tenants and beside many."""
    asking, made = _tenant(options.documents)
    there, found = 0, dict[str, Any]()
    for number in (options.few, options.many):
        _others(there, number, documents=options.documents, made=made)
        there = number
        say(f"asking beside {number:,} tenants …")
        found[str(number)] = {}
        for name, run in _requests(asking).items():
            cost = found[str(number)][name] = asdict(_cost(run, options.repeats))
            say(f"  {name}: {cost}")
    return found


def table(figures: dict[str, Any]) -> str:
    """The figures beside each other."""
    few, many = figures
    lines = [f"| request | statements, {few} / {many} tenants | pages | ratio | ms |", "|---|---|---|---|---|"]
    for name, one in figures[few].items():
        other = figures[many][name]
        ratio = other["pages"] / one["pages"] if one["pages"] else 1.0
        lines.append(
            f"| {name} | {one['statements']} / {other['statements']} | {one['pages']:.0f} / {other['pages']:.0f} | {ratio:.2f} "
            f"| {one['milliseconds']:.1f} / {other['milliseconds']:.1f} |"
        )
    return "\n".join(lines)


def _tenant(documents: int) -> tuple[Asking, Made]:
    """The tenant that is asked about: its documents came the whole way."""
    model_register(source=bundled_model_path(), name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
    tenant = Tenant.objects.create(name="Harbour", slug="harbour")
    owner, reader = (User.objects.create_user(name, password=PASSWORD, is_staff=True) for name in ("olga", "rita"))
    member_add(user=owner, tenant=tenant, role=Role.OWNER, actor=ACTOR)
    member_add(user=reader, tenant=tenant, role=Role.READER, actor=ACTOR)
    owner.groups.create(name="Board")
    base = knowledge_base_create(tenant_id=tenant.pk, name="Handbooks", actor=ACTOR)
    say(f"{documents:,} documents come through …")
    for number in range(documents):
        text = f"# Berth {number}\n\nBerth {number} costs {30 + number % 9} euros a night, electricity included.\n".encode()
        document_upload(UploadRequest(knowledge_base=base, filename=f"berth-{number}.md", parts=[text]), actor=ACTOR)
    for stage in STAGES:
        while job_run(stage):
            pass
    reads = [Permission.READ, Permission.QUERY]
    _, secret = api_key_create(tenant=tenant, name="measured", permissions=reads, actor=ACTOR)
    return Asking(base, owner, {"Authorization": f"Bearer {secret}"}), Made(base, {"owner": owner, "reader": reader})


def _others(there: int, number: int, *, documents: int, made: Made) -> None:
    """Other tenants up to so many, where some are."""
    say(f"{number - there:,} tenants more …")
    names = [f"tenant-{one}" for one in range(there, number)]
    tenants = Tenant.objects.bulk_create(Tenant(name=name, slug=name) for name in names)
    users = User.objects.bulk_create(User(username=name, is_staff=True) for name in names)
    Membership.objects.bulk_create(
        Membership(user=user, tenant=tenant, role=Role.OWNER) for user, tenant in zip(users, tenants, strict=True)
    )
    for place, tenant in enumerate(tenants):
        base = base_made(tenant, "Manuals")
        documents_made(base, 1, documents, chunks=CHUNKS, made=made)
        questions_made(base, 1, QUESTIONS, made=made)
        if place % 100 == 9:
            settled()
            say(f"  {place + 1:,}")
    settled()


def _requests(asking: Asking) -> dict[str, Callable[[], None]]:
    """What is measured, by name."""
    api, signed_in = Client(SERVER_NAME=HOST, headers=dict(asking.headers)), Client(SERVER_NAME=HOST)
    signed_in.force_login(asking.owner)
    base = str(asking.base.pk)
    document = Document.objects.filter(knowledge_base=asking.base).first()
    found: dict[str, Callable[[], None]] = {
        "search": lambda: _posted(
            api, "/api/v1/search", {"query": "What does berth 7 cost?", "knowledge_bases": [base]}
        ),
        "question": lambda: _posted(
            api,
            "/api/v1/ask",
            {"question": "What does berth 7 cost?", "knowledge_bases": [base], "cache": False},
        ),
        "list of documents": lambda: _got(api, f"/api/v1/documents/?knowledge_base={base}"),
        "document": lambda: _got(api, f"/api/v1/documents/{document.pk}/" if document else ""),
        "list of knowledge bases": lambda: _got(api, "/api/v1/knowledge-bases/"),
        "home page": lambda: _got(signed_in, reverse("admin:index")),
        "page of documents": lambda: _got(signed_in, workspace_url(asking.base, "documents")),
        "page of jobs": lambda: _got(signed_in, reverse("jobs")),
        "search box": lambda: _got(signed_in, "/admin/search/?s=berth"),
        "sign-in": _signs_in,
        "sweep": lambda: _ran(lambda: sweep(Turn.of(60))),
        "metrics": lambda: _ran(database_read),
    }
    return found | {f"job {name}": lambda name=name: _ran(lambda: job_run(job_named(name))) for name in JOBS}  # type: ignore[misc]


def _posted(client: Client, path: str, body: dict[str, Any]) -> None:
    _fine(client.post(path, body, content_type="application/json"))


def _got(client: Client, path: str) -> None:
    _fine(client.get(path))


def _signs_in() -> None:
    client = Client(SERVER_NAME=HOST)
    _fine(client.post("/admin/login/", {"username": "olga", "password": PASSWORD, "next": "/admin/"}))


def _ran(work: Callable[[], Any]) -> None:
    work()


def _fine(answer: Any) -> None:
    if answer.status_code not in (200, 302):
        raise RuntimeError(f"{answer.status_code}: {answer.content[:500]!r}")


def _cost(run: Callable[[], None], repeats: int) -> Cost:
    for _ in range(SETTLED_FIRST):
        run()
    with _statements_counted() as counted:
        run()
    once, took = _touched([run]), list[float]()

    def timed() -> None:
        begun = time.perf_counter()
        run()
        took.append(1000 * (time.perf_counter() - begun))

    return Cost(len(counted), (_touched([run, *[timed] * repeats]) - once) / repeats, statistics.median(took))


def _touched(runs: Sequence[Callable[[], None]]) -> int:
    """The pages of these runs in a session of their own, with those by which the session learns the catalogue."""
    before = _pages()
    for run in runs:
        run()
    return _pages() - before


@contextmanager
def _statements_counted() -> Iterator[list[None]]:
    """One for each statement that this process sends in the block, by whichever connection."""
    counted: list[None] = []
    plain = CursorWrapper._execute

    def counting(self: Any, *given: Any) -> Any:
        counted.append(None)
        return plain(self, *given)

    with patch.object(CursorWrapper, "_execute", counting):
        yield counted


def _pages() -> int:
    """Pages that this database was asked for since its statistics began, of all sessions, which are ours alone. A session tells
    at its end what it has not told yet.
    """
    connections.close_all()
    time.sleep(FLUSHED_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
