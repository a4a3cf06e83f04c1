"""Limits at the edge, before every door: what a request takes, what it is told, and what is put right."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError

from ragsite.core.limits import Limits, Work, limits_read
from ragsite.gateway.edge import Edge, EdgeLimits
from ragsite.gateway.errors import LimitReachedError
from ragsite.gateway.limits.account import Account, account_used, reserved, stream_place
from ragsite.gateway.limits.buckets import Party, PartyKind
from ragsite.gateway.limits.gate import Gate, work_give_back, work_pay
from ragsite.gateway.limits.keeper import Keeper
from ragsite.gateway.limits.limiter import Limiter
from ragsite.gateway.limits.parties import Parties
from ragsite.gateway.routes import Kind, routes
from ragsite.gateway.visits import Caller

KNOWN, UNKNOWN = "known", ""


@dataclass
class Door:
    """An edge with a door behind it that answers the same to everything."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    within: Any = None

    def __post_init__(self) -> None:
        self.calls = 0
        self.edge = Edge(self._answer, EdgeLimits(routes=routes()), Gate())

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        while (await receive()).get("more_body"):
            pass
        if self.within:
            await self.within(scope)
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    def ask(self, method: str, path: str, *, body: bytes = b"", is_chunked: bool = False, **headers: str) -> Answer:
        return asyncio.run(self._asked(method, path, body, is_chunked, headers))

    async def _asked(self, method: str, path: str, body: bytes, is_chunked: bool, headers: Any) -> Answer:
        told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        length = (b"transfer-encoding", b"chunked") if is_chunked else (b"content-length", str(len(body)).encode())
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [*told, *([length] if body else [])], "client": ("203.0.113.9", 1),
        }  # fmt: skip
        waiting = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.edge(scope, receive, send)
        return Answer(sent[0]["status"], sent[0]["headers"], b"".join(one.get("body", b"") for one in sent[1:]))


@dataclass
class Answer:
    status: int
    raw_headers: Any
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.raw_headers}

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs beside the tests, and Redis has none of their quotas in PostgreSQL."""
    monkeypatch.setattr(Keeper, "begin", lambda keeper: None)
    monkeypatch.setattr("ragsite.gateway.limits.quotas.quotas_used", lambda quotas: {})


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives every caller these limits, of the tenant or of its key as well."""

    def give(tenant: str = "", key: str = "", *, caller: str = KNOWN) -> tuple[Party, ...]:
        id_ = str(uuid4())
        parties = tuple(
            Party(kind, "one" if kind is PartyKind.KEY else "", id_, limits)
            for kind, limits in ((PartyKind.KEY, read(key)), (PartyKind.TENANT, read(tenant)))
            if limits
        )

        async def of(self: Any, who: Any, where: Any = None) -> Any:
            return parties

        async def known(self: Any, scope: Any) -> Caller:
            return Caller(caller, "key")

        monkeypatch.setattr(Parties, "of", of)
        monkeypatch.setattr("ragsite.gateway.callers.Callers.of", known)
        return parties

    def read(text: str) -> Limits:
        return limits_read(text)

    return give


def left(answer: Answer) -> dict[str, int]:
    return {name: int(number) for name, number in re.findall(r'"([\w-]+)";r=(\d+)', answer.headers["ratelimit"])}


def test_every_answer_says_what_is_left_of_every_limit(limited: Any) -> None:
    limited("searches=100/minute searches=500/month", "searches=10/minute")
    answer = Door().ask("POST", "/api/v1/search", body=b"{}")
    assert answer.status == 200
    assert answer.headers["ratelimit-policy"].startswith(
        '"key-searches-minute";q=10;w=60, "tenant-searches-minute";q=100;w=60'
    )
    assert re.fullmatch(
        r'"key-searches-minute";r=9;t=6, "tenant-searches-minute";r=99;t=1, .*', answer.headers["ratelimit"]
    )
    assert left(answer)["tenant-searches-month"] == 499


def test_who_has_no_limits_is_told_of_none(limited: Any) -> None:
    limited()
    assert "ratelimit" not in Door().ask("GET", "/api/v1/documents/").headers


def test_over_the_limit_the_door_is_not_asked_and_the_answer_says_when_to_come_back(limited: Any) -> None:
    limited(key="searches=2/minute", tenant="searches=20/minute")
    door = Door()
    answers = [door.ask("POST", "/api/v1/search", body=b"{}") for _ in range(5)]
    refused = answers[-1]
    assert [one.status for one in answers] == [200, 200, 429, 429, 429]
    assert (door.calls, refused.code) == (2, "rate_limited")
    assert refused.headers["content-type"] == "application/problem+json"
    assert 29 <= int(refused.headers["retry-after"]) <= 34
    assert left(refused) == {"key-searches-minute": 0, "tenant-searches-minute": 18}
    assert "The API key has reached a limit: 2 searches a minute." in json.loads(refused.body)["detail"]
    assert Door().ask("GET", "/api/v1/documents/").status == 200  # other work has limits of its own


def test_those_who_were_refused_together_do_not_come_back_together(limited: Any) -> None:
    limited("searches=1/minute")
    door = Door()
    waits = {door.ask("POST", "/api/v1/search", body=b"{}").headers.get("retry-after") for _ in range(30)}
    assert len(waits) > 3


def test_a_quota_says_when_it_begins_anew(limited: Any) -> None:
    limited("answers=1/day")
    door = Door()
    assert door.ask("POST", "/api/v1/ask", body=b"{}").status == 200
    refused = door.ask("POST", "/api/v1/ask", body=b"{}")
    assert (refused.status, refused.code) == (429, "quota_exceeded")
    assert re.search(r"It begins anew at \d{4}-\d\d-\d\d 00:00 UTC", json.loads(refused.body)["detail"])


def test_a_database_that_does_not_say_what_is_used_refuses_and_nothing_breaks(
    limited: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(quotas: Any) -> Any:
        raise OperationalError("gone")

    limited("answers=1/day")
    monkeypatch.setattr("ragsite.gateway.limits.quotas.quotas_used", fails)
    refused = Door().ask("POST", "/api/v1/ask", body=b"{}")
    assert (refused.status, refused.code) == (503, "database_unavailable")


def test_doors_of_the_other_shape_refuse_in_theirs(limited: Any) -> None:
    limited("answers=0/minute")
    refused = Door().ask("POST", "/v1/chat/completions", body=b"{}")
    error = json.loads(refused.body)["error"]
    assert (refused.status, error["type"], error["code"]) == (429, "rate_limit_error", "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1


def test_a_refusal_leaves_the_line_open_where_nothing_more_comes(limited: Any) -> None:
    limited("requests=0/minute")
    door = Door()
    assert "connection" not in door.ask("GET", "/api/v1/documents/").headers
    assert door.ask("POST", "/api/v1/knowledge-bases/", body=b"{}").headers["connection"] == "close"


@pytest.mark.parametrize(("status", "headers"), [(422, {}), (503, {}), (200, {"Idempotency-Replayed": "true"})])
def test_an_answer_that_was_refused_or_given_before_costs_none(
    limited: Any, status: int, headers: dict[str, str]
) -> None:
    limited("answers=2/minute")
    door = Door(status, headers)
    assert [door.ask("POST", "/api/v1/ask", body=b"{}").status for _ in range(5)] == [status] * 5
    assert left(Door().ask("POST", "/api/v1/ask", body=b"{}")) == {"tenant-answers-minute": 1}


def test_uploads_count_by_their_bytes_and_one_of_unknown_length_as_the_largest_until_it_is_there(limited: Any) -> None:
    limited("upload_bytes=1000/day")
    door = Door()
    assert left(door.ask("POST", "/api/v1/documents/", body=b"." * 400)) == {"tenant-upload-bytes-day": 600}
    refused = door.ask("POST", "/api/v1/documents/", body=b"." * 601)
    assert (refused.status, refused.code) == (429, "quota_exceeded")
    assert door.ask("POST", "/api/v1/documents/", body=b".", is_chunked=True).status == 429
    limited("upload_bytes=1GB/day")
    door.ask("POST", "/api/v1/documents/", body=b"." * 400, is_chunked=True)
    assert left(door.ask("POST", "/api/v1/documents/", body=b".")) == {"tenant-upload-bytes-day": 1024**3 - 401}


def test_a_tool_pays_for_the_work_it_is(limited: Any) -> None:
    limited("requests=100/minute searches=1/minute answers=1/minute")
    refusals: list[str] = []

    async def tools(scope: Any) -> None:
        for kind in (Kind.OTHER, Kind.SEARCH, Kind.SEARCH, Kind.ANSWER):
            try:
                await work_pay(scope, kind)
            except LimitReachedError as error:
                refusals.append(f"{kind} {error.error_code}")
        await work_give_back(scope, Kind.ANSWER)
        await work_pay(scope, Kind.ANSWER)

    answer = Door(within=tools).ask("POST", "/mcp", body=b"{}")
    assert refusals == ["search rate_limited"]
    assert left(answer)["tenant-requests-minute"] == 99


def test_what_a_client_says_of_its_address_changes_nothing(settings: Any) -> None:
    settings.RAGSITE_LIMITS_OF_ADDRESS = "requests=3/minute"
    door = Door()
    statuses = [
        door.ask("GET", "/api/v1/documents/", x_forwarded_for=f"198.51.100.{one}", forwarded="for=198.51.100.7").status
        for one in range(5)
    ]
    assert statuses == [200, 200, 200, 429, 429]


def test_health_and_files_of_pages_are_not_counted(limited: Any) -> None:
    limited("requests=0/minute")
    assert [Door().ask("GET", path).status for path in ("/health/live", "/metrics", "/static/a.css")] == [200] * 3


def test_tokens_are_reserved_and_what_was_not_written_given_back(limited: Any) -> None:
    account = Account(Limiter(), limited("tokens=100/day"))
    with account_used(account):
        with reserved(Work.TOKENS, 80) as first:
            with pytest.raises(LimitReachedError) as caught, reserved(Work.TOKENS, 30):
                raise AssertionError("there was no room")
            first.amount = 10
        with reserved(Work.TOKENS, 90) as second:
            second.amount = 95
    assert caught.value.error_code == "quota_exceeded"
    with pytest.raises(LimitReachedError):
        account.take({Work.ANSWERS: 1, Work.TOKENS: 0}, least={Work.TOKENS: 1})


def test_nobody_has_more_streams_than_places(limited: Any) -> None:
    account = Account(Limiter(), limited("streams=1"))
    with account_used(account), stream_place():
        with pytest.raises(LimitReachedError) as caught, stream_place():
            raise AssertionError("there was no place")
        assert "1 streamed answers at once" in caught.value.message
    with account_used(account), stream_place():
        pass


def test_outside_of_a_request_nothing_is_limited() -> None:
    with reserved(Work.TOKENS, 10**9) as spent, stream_place():
        spent.amount = 1
