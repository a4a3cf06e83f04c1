"""The SDK's own client at the door."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from apps.documents.models import DocumentVersion
from apps.retrieval.doors.mcp import tools
from apps.retrieval.doors.mcp.tools import TOOLS
from ragsite.core.audience import ClientLeft, client_check
from ragsite.gateway.admission import Admission
from ragsite.gateway.keys import key_shown
from ragsite.gateway.models import Permission
from ragsite.gateway.routes import Capacity, Kind
from ragsite.gateway.tokens import tokens_begin
from ragsite.gateway.visits import Caller, Visit
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.doors.mcp.agents import http, served, with_agent
from tests.threads import connections_close

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _threads(transactional_db: None) -> Iterator[None]:
    yield
    connections_close()


def post(key: str, body: Any, **headers: str) -> Any:
    """What the door answers to a body, in one exchange."""

    async def run() -> Any:
        async with http(key) as client:
            accepted = {"Accept": "application/json, text/event-stream"} | headers
            return await client.post("/mcp", json=body, headers=accepted)

    return asyncio.run(run())


LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_is_told_the_tools_and_calls_them(mode: str) -> None:
    version = make.ready_version()
    key = make.api_key(version.document.tenant)

    async def work(agent: Any) -> Any:
        listed = await agent.list_tools()
        found = await agent.call_tool("grep", {"pattern": "42 berths"})
        asked = await agent.call_tool("ask", {"question": "How many berths for guests has the harbour?"})
        wrong = await agent.call_tool("nothing", {})
        return listed.tools, found, asked, wrong

    listed, found, asked, wrong = with_agent(key, work, mode=mode)
    assert [(one.name, one.input_schema) for one in listed] == [(one.name, one.schema) for one in TOOLS.values()]
    assert all(one.annotations.read_only_hint for one in listed)
    assert found.structured_content["matches"][0]["version"] == str(version.pk)
    assert asked.structured_content["citations"][0]["quote"] == "The harbour has 42 berths for guests."
    assert (wrong.is_error, wrong.content[0].text) == (True, "There is no tool 'nothing'.")


def test_who_has_no_key_or_no_right_comes_not_in() -> None:
    tenant = make.tenant()
    nobody, wrong, unable = (post(key, LIST) for key in ("", "rag_x", make.api_key(tenant, Permission.GRANTS)))
    assert [one.status_code for one in (nobody, wrong, unable)] == [401, 401, 403]
    assert nobody.headers["www-authenticate"] == "Bearer"
    assert unable.headers["content-type"] == "application/problem+json"
    reader = post(make.api_key(tenant, Permission.READ), LIST)
    assert [one["name"] for one in reader.json()["result"]["tools"]] == ["list", "find", "grep", "read"]
    assert (reader.headers["cache-control"], bool(reader.headers["x-request-id"])) == ("no-store", True)


def test_an_access_token_opens_it_in_place_of_its_key_and_a_refresh_token_does_not() -> None:
    pair = tokens_begin(shown=key_shown(make.api_key(make.tenant(), Permission.READ)), actor=ACTOR)
    assert [post(token, LIST).status_code for token in (pair.access, pair.refresh)] == [200, 401]


def test_it_is_served_under_the_known_names_and_over_https_alone(settings: Any) -> None:
    key = make.api_key(make.tenant())
    assert post(key, LIST, Host="evil.example").status_code == 400
    settings.SECURE_SSL_REDIRECT = True
    assert post(key, LIST).status_code == 301


@pytest.mark.parametrize("body", [[], {"jsonrpc": "2.0"}, "text"])
def test_what_is_not_of_the_protocol_is_refused(body: Any) -> None:
    assert post(make.api_key(make.tenant()), body).status_code == 400


def test_a_call_takes_a_turn_of_its_kind_and_says_if_there_is_none() -> None:
    key = make.api_key(make.tenant())
    full = {kind: Capacity(at_once=kind is not Kind.SEARCH, waiting=1, wait_seconds=0) for kind in Kind}

    async def work(agent: Any) -> Any:
        return await agent.call_tool("grep", {"pattern": "x"}), await agent.call_tool("list", {})

    grep, listed = with_agent(key, work, admission=Admission(full))
    assert (grep.is_error, grep.structured_content["code"]) == (True, "busy")
    assert not listed.is_error


def test_a_client_that_leaves_is_worked_for_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    key = make.api_key(make.tenant())
    left = served_and_left(key, monkeypatch)
    assert left == {"told": True, "free": True}


def served_and_left(key: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """A client goes while a tool works for it: whether the tool learns of it, and its place is free in the end."""
    begun, seen = threading.Event(), threading.Event()

    def work(*_: Any) -> Any:
        begun.set()
        try:
            while True:
                client_check("the next step")
        except ClientLeft:
            seen.set()
            raise

    monkeypatch.setitem(tools.TOOLS, "list", replace(TOOLS["list"], work=work))
    admission = Admission({kind: Capacity(1, 1, 5) for kind in Kind})

    async def run() -> dict[str, bool]:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list", "arguments": {}}}
        leaving = asyncio.Event()
        task = asyncio.ensure_future(served(admission, key, json.dumps(body).encode(), leaving))
        await asyncio.to_thread(begun.wait, 10)
        leaving.set()
        await asyncio.wait_for(task, 10)
        told = await asyncio.to_thread(seen.wait, 10)
        return {"told": told, "free": await _is_free(admission)}

    return asyncio.run(run())


async def _is_free(admission: Admission) -> bool:
    await admission.enter(Visit(Kind.OTHER, Caller("", "")))
    return True


def test_the_documents_do_not_matter_to_who_may_not_read_them() -> None:
    version: DocumentVersion = make.ready_version()
    other = make.api_key(make.tenant())
    found = with_agent(other, lambda agent: agent.call_tool("read", {"version": str(version.pk)}))
    assert (found.is_error, found.structured_content["code"]) == (True, "not_found")
