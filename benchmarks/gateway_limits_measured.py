"""What `benchmarks.gateway_limits` measures: imported once Django is set up."""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from django.db import connections

from apps.documents.services.knowledge_bases import knowledge_base_create
from benchmarks.acting import ACTOR
from benchmarks.place import say
from ragsite.core.limits import Work, limits_read
from ragsite.gateway.admission import Admission
from ragsite.gateway.authentication import KeyAuthentication
from ragsite.gateway.edge import Edge, edge_limits
from ragsite.gateway.errors import LimitReachedError
from ragsite.gateway.keys import api_key_create, principal_of_key
from ragsite.gateway.limits.account import Account
from ragsite.gateway.limits.buckets import Party, PartyKind
from ragsite.gateway.limits.gate import Gate
from ragsite.gateway.limits.limiter import Limiter
from ragsite.gateway.limits.rows import limits_set
from ragsite.gateway.models import Permission
from ragsite.gateway.one_thread import OneThreadHandler
from ragsite.gateway.routes import capacities
from ragsite.gateway.tenants import tenant_get_or_create

PER_SECOND, TIMES_THE_LIMIT = 100, 10
AMPLE = "requests=1000000/minute searches=1000000/minute answers=1000000/day"
WARMING = 20

Application = Callable[..., Awaitable[None]]


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Both figures."""
    return {
        "limiter_error": limiter_error(options.processes, options.seconds),
        "gateway_overhead_p50": overhead(options.turns),
    }


def limiter_error(processes: int, seconds: float) -> float:
    """The share by which what was granted differs from what the time allows."""
    limit = PER_SECOND * 60
    party = Party(PartyKind.TENANT, "", str(uuid4()), limits_read(f"searches={limit}/minute"))
    connections.close_all()
    Account(Limiter(), [party]).take({Work.SEARCHES: limit})
    emptied = time.monotonic()
    forked = multiprocessing.get_context("fork")
    found: Any = forked.Queue()
    asking = [forked.Process(target=_ask, args=(party, processes, seconds, found)) for _ in range(processes)]
    for one in asking:
        one.start()
    told = [found.get(timeout=seconds + 60) for _ in asking]
    for one in asking:
        one.join()
    granted, asked = sum(one[0] for one in told), sum(one[1] for one in told)
    allowed = (max(one[2] for one in told) - emptied) * PER_SECOND
    say(f"{processes} processes asked {asked} times: {granted} granted, {allowed:.1f} allowed")
    return abs(granted - allowed) / allowed


def _ask(party: Party, processes: int, seconds: float, found: Any) -> None:
    """Ask at a steady pace; tells how often that was granted, how often it asked, and when last."""
    account, pause = Account(Limiter(), [party]), processes / (PER_SECOND * TIMES_THE_LIMIT)
    granted = asked = 0
    began = last = time.monotonic()
    while last - began < seconds:
        time.sleep(max(0.0, began + asked * pause - time.monotonic()))
        asked += 1
        try:
            account.take({Work.SEARCHES: 1})
            granted += 1
        except LimitReachedError:
            pass
        last = time.monotonic()
    found.put((granted, asked, last))


def overhead(turns: int) -> float:
    """How many times as long a request takes as the view alone."""
    tenant = tenant_get_or_create(name="Limited", actor=ACTOR)
    key, text = api_key_create(tenant=tenant, name="limited", permissions=[Permission.READ], actor=ACTOR)
    for of in (None, key):
        limits_set(of=of or tenant, limits=limits_read(AMPLE), actor=ACTOR)
    base = knowledge_base_create(tenant_id=tenant.pk, name="Handbooks", actor=ACTOR)
    principal = principal_of_key(text)
    bare = OneThreadHandler(Admission(capacities()))
    whole = Edge(OneThreadHandler(Admission(capacities())), edge_limits(), Gate())
    path = f"/api/v1/knowledge-bases/{base.pk}/"

    async def turn(application: Application) -> float:
        if application is bare:
            with patch.object(KeyAuthentication, "authenticate", lambda *_: (principal, None)):
                return await _timed(application, path, text)
        return await _timed(application, path, text)

    async def all_turns() -> tuple[list[float], list[float]]:
        for _ in range(WARMING):
            await turn(bare), await turn(whole)
        pairs = [(await turn(bare), await turn(whole)) for _ in range(turns)]
        return [one for one, _ in pairs], [one for _, one in pairs]

    without, with_all = map(statistics.median, asyncio.run(all_turns()))
    say(f"p50: {without * 1000:.2f} ms bare, {with_all * 1000:.2f} ms with key and limits")
    return with_all / without


async def _timed(application: Application, path: str, key: str) -> float:
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": path, "raw_path": path.encode(),
        "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {key}".encode())],
    }  # fmt: skip
    waiting = [{"type": "http.request", "body": b"", "more_body": False}]
    statuses: list[int] = []

    async def receive() -> Any:
        return waiting.pop() if waiting else await asyncio.Future()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    started = time.perf_counter()
    await application(scope, receive, send)
    took = time.perf_counter() - started
    if statuses != [200]:
        raise RuntimeError(f"{path} answered {statuses}")
    return took
