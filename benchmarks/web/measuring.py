"""What `benchmarks.web` measures, on the candidates that it starts."""

from __future__ import annotations

import argparse
import asyncio
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from apps.documents.intake.uploads import UploadRequest, document_upload
from apps.documents.models import KnowledgeBase
from apps.documents.services.knowledge_bases import knowledge_base_create
from apps.models.services import registry
from benchmarks.acting import ACTOR
from benchmarks.place import say
from benchmarks.web.candidates import Candidate, Running, candidates, installed, running
from benchmarks.web.clients import Listed, Request, Streams, joined, listed
from ragsite.gateway.keys import api_key_create
from ragsite.gateway.models import Permission, Tenant
from ragsite.gateway.tenants import tenant_get_or_create

FEW, MANY = 5, 50
DOORS = ("stream", "stream-asks")
Row = dict[str, Any]


def measured(options: argparse.Namespace) -> list[Row]:
    """A row for each candidate."""
    key = _filled(options.documents)
    chosen = [one for one in installed(candidates(options.streams)) if not options.only or one.name in options.only]
    lists, usage = _lists(chosen, key, options)
    rows = []
    for one in chosen:
        row = {"candidate": one.name, **_list_figures(lists, one.name), **usage[one.name]}
        for door in DOORS if options.streams else ():
            row |= _streams(one, key, door, options)
        say(str(row))
        rows.append(row)
    for row in rows:
        for name in (f"rate {MANY}", f"CPU {MANY}"):
            row[f"{name} to the first"] = round(row[name] / rows[0][name], 2)
    return rows


def _filled(documents: int) -> str:
    """A key to a tenant with that many documents."""
    tenant = tenant_get_or_create(name="Web", actor=ACTOR)
    base = _base(tenant)
    for number in range(documents):
        body = f"# Note {number}\n\nThe keeper of lighthouse {number} signs the log.\n".encode()
        document_upload(UploadRequest(knowledge_base=base, filename=f"note-{number}.md", parts=[body]), actor=ACTOR)
    return api_key_create(tenant=tenant, name="web", permissions=tuple(Permission), actor=ACTOR)[1]


def _base(tenant: Tenant) -> KnowledgeBase:
    path = registry.bundled_model_path()
    assert path is not None, "the bundled weights are not installed"
    registry.model_register(source=path, name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
    return knowledge_base_create(tenant_id=tenant.pk, name="Web", actor=ACTOR)


def _lists(
    chosen: list[Candidate], key: str, options: argparse.Namespace
) -> tuple[dict[tuple[str, int], Listed], dict[str, Row]]:
    parts: dict[tuple[str, int], list[Listed]] = defaultdict(list)
    with ExitStack() as stack:
        servers = [stack.enter_context(running(one)) for one in chosen]
        for server in servers:
            asyncio.run(listed(Request(server.port, key), clients=MANY, seconds=1))
        for number in range(options.rounds):
            say(f"listing, round {number + 1} of {options.rounds}")
            for server in servers if number % 2 == 0 else reversed(servers):
                for clients in (FEW, MANY):
                    parts[server.name, clients].append(_listed(server, key, clients, options.seconds))
        usage = {server.name: _usage(server, "lists") for server in servers}
    return {which: joined(some) for which, some in parts.items()}, usage


def _listed(server: Running, key: str, clients: int, seconds: float) -> Listed:
    before = server.processor_seconds()
    found = asyncio.run(listed(Request(server.port, key), clients=clients, seconds=seconds))
    return replace(found, processor_seconds=server.processor_seconds() - before)


def _list_figures(lists: dict[tuple[str, int], Listed], name: str) -> Row:
    row: Row = {}
    for clients in (FEW, MANY):
        found = lists[name, clients]
        row[f"p50 {clients}"], row[f"p95 {clients}"] = found.p(50), found.p(95)
        row[f"CPU {clients}"] = found.processor
        row[f"rate {clients}"], row[f"errors {clients}"] = round(found.rate), found.errors
    return row


def _usage(server: Running, when: str) -> Row:
    threads, memory = server.usage()
    return {f"threads, {when}": threads, f"MB, {when}": round(memory)}


def _streams(one: Candidate, key: str, door: str, options: argparse.Namespace) -> Row:
    with running(one) as server:
        return asyncio.run(_streams_measured(server, key, door, options))


async def _streams_measured(server: Running, key: str, door: str, options: argparse.Namespace) -> Row:
    asked = Request(server.port, key)
    await listed(asked, clients=FEW, seconds=1)
    streams = Streams(Request(server.port, key, f"/benchmark/{door}"), clients=options.streams)
    begun = await streams.start()
    beside = await listed(asked, clients=FEW, seconds=options.seconds)
    usage = _usage(server, door)
    await streams.stop()
    figures = {"begun": begun, "p95": beside.p(95), "answers": len(beside.times), "errors": beside.errors}
    return {f"{name}, {door}": value for name, value in figures.items()} | usage
