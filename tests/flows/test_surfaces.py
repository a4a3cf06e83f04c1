"""One question through every door of a whole system: by whatever door it is asked, the citations and the rights are the same."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import httpx
import httpx2
import mcp
import openai
import psycopg
import pytest
import redis
from mcp.client.streamable_http import streamable_http_client
from ragsite_client import (
    Answer,
    AnswerCompleted,
    AnswerCreated,
    AsyncClient,
    Cited,
    Client,
    PassagesFound,
    ProblemError,
)
from ragsite_client.llamaindex import RagsiteQueryEngine

from ragsite.stack.system import System
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

NAME, WRITER = "Ferry rules", "smollm2"
TEXT = "The ferry to Nordholm leaves at six in the morning. Bicycles travel free of charge.\n"
QUESTION = "When does the ferry to Nordholm leave?"
PATIENCE = 60.0
LONGEST_SECONDS = 20.0
"""An answer has ten seconds, and then words; who waits for so long was forgotten."""

EXTRACTIVE, WRITING = "extractive", "language_model"
JOIN = """
    INSERT INTO gateway_membership (user_id, tenant_id, role)
    SELECT u.id, t.id, 'reader' FROM auth_user u, gateway_tenant t WHERE u.username = %s AND t.name = 'Default'
"""
Cite: TypeAlias = tuple[str, int, int, str]
"""Version, start, end, quote."""

Door: TypeAlias = Callable[["Caller"], list[Cite]]


class Caller:
    """Asks by every door with one key."""

    def __init__(self, url: str, key: str, base: str) -> None:
        self.url, self.key, self.base = url, key, base
        self.http = Client(url, key)

    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(api_key=self.key, base_url=f"{self.url}/v1", max_retries=0)


def cites(citations: Sequence[Any]) -> list[Cite]:
    return [(one.version, one.start, one.end, one.quote) for one in citations]


def cites_of(answer: Mapping[str, Any]) -> list[Cite]:
    return [(one["version"], one["start"], one["end"], one["quote"]) for one in answer["citations"]]


def by_json(caller: Caller) -> list[Cite]:
    return cites(caller.http.ask(QUESTION, knowledge_bases=[caller.base]).citations)


def by_events(caller: Caller) -> list[Cite]:
    *events, last = caller.http.ask_stream(QUESTION, knowledge_bases=[caller.base])
    assert isinstance(last, AnswerCompleted)
    told = cites([one.citation for one in events if isinstance(one, Cited)])
    assert told == cites(last.answer.citations)
    return told


def by_async(caller: Caller) -> list[Cite]:
    async def ask() -> tuple[Answer, Any]:
        async with AsyncClient(caller.url, caller.key) as client:
            answer = await client.ask(QUESTION, knowledge_bases=[caller.base])
            return answer, [one async for one in client.ask_stream(QUESTION, knowledge_bases=[caller.base])][-1]

    answer, last = asyncio.run(ask())
    assert isinstance(last, AnswerCompleted)
    assert cites(last.answer.citations) == cites(answer.citations)
    return cites(answer.citations)


def by_chat(caller: Caller) -> list[Cite]:
    messages = [{"role": "user", "content": QUESTION}]
    done = caller.openai().chat.completions.create(model=caller.base, messages=messages)  # type: ignore[call-overload]
    said = done.choices[0].message.annotations
    assert len(said) == len(done.ragsite["citations"])
    return cites_of(done.ragsite)


def by_chat_streamed(caller: Caller) -> list[Cite]:
    messages = [{"role": "user", "content": QUESTION}]
    *parts, last = caller.openai().chat.completions.create(model=caller.base, messages=messages, stream=True)  # type: ignore[call-overload]
    text = "".join(choice.delta.content or "" for part in parts for choice in part.choices)
    assert text == last.ragsite["answer"]
    return cites_of(last.ragsite)


def by_responses(caller: Caller) -> list[Cite]:
    return cites_of(caller.openai().responses.create(model=caller.base, input=QUESTION).ragsite)  # type: ignore[attr-defined]


def by_responses_streamed(caller: Caller) -> list[Cite]:
    *_, last = caller.openai().responses.create(model=caller.base, input=QUESTION, stream=True)
    return cites_of(last.response.ragsite)  # type: ignore[union-attr]


def by_llamaindex(caller: Caller) -> list[Cite]:
    nodes = RagsiteQueryEngine(caller.http, knowledge_bases=[caller.base]).query(QUESTION).source_nodes
    return [(one.metadata["version"], one.metadata["start"], one.metadata["end"], one.get_content()) for one in nodes]


class ToolError(Exception):
    """What the agent is told of a call that failed, by its code."""


def by_agent(caller: Caller) -> list[Cite]:
    async def ask() -> Any:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {caller.key}"}, timeout=PATIENCE) as http,
            mcp.Client(streamable_http_client(f"{caller.url}/mcp", http_client=http)) as agent,
        ):
            return await agent.call_tool("ask", {"question": QUESTION, "knowledge_bases": [caller.base]})

    told = asyncio.run(ask())
    if told.is_error:
        raise ToolError(told.structured_content["code"])
    return cites_of(told.structured_content)


OPENAI: tuple[Door, ...] = (by_chat, by_chat_streamed, by_responses, by_responses_streamed)
DOORS: tuple[Door, ...] = (by_json, by_events, by_async, *OPENAI, by_llamaindex, by_agent)


class Admin:
    """The admin's pages, as the first admin sees them."""

    def __init__(self, running: System) -> None:
        self.http = httpx.Client(base_url=running.url, follow_redirects=True, timeout=PATIENCE)
        self.name, _, password = running.admin_login.partition(" / ")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.http.get("/admin/login/").text)
        assert token is not None
        form = {"username": self.name, "password": password, "csrfmiddlewaretoken": token[1], "next": "/admin/"}
        headers = {"Referer": f"{running.url}/admin/login/"}
        assert self.http.post("/admin/login/", data=form, headers=headers).url.path == "/admin/"

    def page(self, answer: Answer) -> str:
        return self.http.get(f"/admin/retrieval/answer/{answer.id}/change/").text


@pytest.fixture(scope="module")
def manager(running: System) -> Iterator[httpx.Client]:
    """Who may do everything."""
    may = ("read", "write", "query", "grants:manage", "models:manage")
    headers = {"Authorization": f"Bearer {running.manage('apikey', 'surfaces', '--permissions', *may).strip()}"}
    with httpx.Client(base_url=f"{running.url}/api/v1", headers=headers, timeout=PATIENCE) as made:
        yield made


@pytest.fixture(scope="module")
def base(manager: httpx.Client) -> str:
    """A knowledge base with one document that nobody may read without a grant."""
    made = manager.post("/knowledge-bases/", json={"name": NAME, "visibility": "restricted"}).raise_for_status()
    return str(made.json()["id"])


@pytest.fixture(scope="module")
def caller(running: System, manager: httpx.Client, base: str) -> Caller:
    """Who was granted to read it, and put the document there."""
    made = Caller(running.url, running.manage("apikey", "surfaces reader").strip(), base)
    with psycopg.connect(running.environ["DATABASE_URL"]) as database:
        ((key_id,),) = database.execute("SELECT id FROM gateway_apikey WHERE name = 'surfaces reader'").fetchall()
    grant(manager, base, api_key=str(key_id))
    made.http.wait_until_ready(made.http.upload(base, ("ferry.txt", TEXT.encode())), seconds=PATIENCE)
    return made


def grant(manager: httpx.Client, base: str, **whom: str) -> None:
    granted = manager.post(f"/knowledge-bases/{base}/grants/", json=whom)
    assert granted.status_code == httpx.codes.CREATED, granted.text


@pytest.fixture(scope="module")
def admin(running: System) -> Admin:
    """The first admin, a member of the tenant, who may not read the document either without a grant."""
    made = Admin(running)
    with psycopg.connect(running.environ["DATABASE_URL"]) as database:
        database.execute(JOIN, [made.name])
    return made


@pytest.fixture
def writer(running: System, manager: httpx.Client) -> Iterator[str]:
    """The small language model, read into memory, until the end of the test."""
    running.manage("models", "register", WRITER)
    (model,) = manager.get("/models/", params={"kind": "generation"}).json()["results"]
    (version,) = (one["id"] for one in model["versions"])
    manager.post(f"/model-versions/{version}/load/").raise_for_status()
    loaded(manager, version)
    yield version
    manager.delete(f"/model-versions/{version}/").raise_for_status()
    wait_for(lambda: not searched(manager)["degraded"], seconds=PATIENCE, what="a model worker is there again")


def searched(manager: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = manager.post("/search", json={"query": QUESTION}).raise_for_status().json()
    return found


def loaded(manager: httpx.Client, version: str) -> None:
    wait_for(
        lambda: any(one["version"] == version for one in manager.get("/loaded-models/").json()["results"]),
        seconds=PATIENCE * 2, what="a model worker has read the language model", every=0.25,
    )  # fmt: skip


def writing_begins(running: System) -> None:
    """Wait until a model worker has said something into the one channel that is open."""
    with redis.Redis.from_url(running.environ["REDIS_URL"]) as client:
        (key,) = wait_for(
            lambda: list(client.scan_iter("rag:stream:*")), seconds=PATIENCE, what="the model is asked", every=0.005
        )
        seen = client.xinfo_stream(key)["last-generated-id"]
        wait_for(
            lambda: client.xinfo_stream(key)["last-generated-id"] != seen,
            seconds=PATIENCE, what="it answers", every=0.005,
        )  # fmt: skip


def told_alike(caller: Caller, admin: Admin, *, generator: str) -> list[Cite]:
    """What every door cites, which is the same."""
    answer = caller.http.ask(QUESTION, knowledge_bases=[caller.base])
    expected = cites(answer.citations)
    assert (answer.generator, answer.degraded) == (generator, ())
    assert {door: door(caller) for door in DOORS} == dict.fromkeys(DOORS, expected)
    page = admin.page(answer)
    assert [quote for *_, quote in expected if quote not in page] == []
    return expected


def test_every_door_gives_the_citations_of_the_same_quoted_answer(
    caller: Caller, admin: Admin, manager: httpx.Client
) -> None:
    before = caller.http.ask(QUESTION, knowledge_bases=[caller.base])
    hidden = admin.page(before)
    grant(manager, caller.base, user=admin.name)
    ((_, start, end, quote),) = told_alike(caller, admin, generator=EXTRACTIVE)
    assert (QUESTION in hidden, quote in hidden) == (True, False)
    assert quote == TEXT[start:end] == "The ferry to Nordholm leaves at six in the morning."


def test_what_a_key_may_not_read_is_not_there_by_any_door(running: System, caller: Caller) -> None:
    stranger = Caller(running.url, running.manage("apikey", "surfaces stranger").strip(), caller.base)
    named = dict.fromkeys(DOORS, "not_found") | dict.fromkeys(OPENAI, "model_not_found")
    assert {door: refusal(door, stranger) for door in DOORS} == named
    answer = caller.http.ask(QUESTION, knowledge_bases=[caller.base])
    with pytest.raises(ProblemError, match="not_found"):
        stranger.http.answer(answer.id)
    assert caller.base not in {one.id for one in stranger.http.knowledge_bases()}
    assert caller.base not in {one.knowledge_base for one in stranger.http.search(QUESTION).passages}


def refusal(door: Door, stranger: Caller) -> str:
    """The code that a door refuses by."""
    with pytest.raises((ProblemError, openai.NotFoundError, ToolError)) as refused:
        door(stranger)
    return str(refused.value) if isinstance(refused.value, ToolError) else str(refused.value.code)


@pytest.mark.timeout(240)
def test_every_door_gives_the_citations_of_what_a_language_model_wrote_and_its_worker_may_die_on_the_way(
    running: System, caller: Caller, admin: Admin, writer: str
) -> None:
    expected = told_alike(caller, admin, generator=WRITING)
    events = caller.http.ask_stream(QUESTION, knowledge_bases=[caller.base])
    assert isinstance(next(events), AnswerCreated)
    assert isinstance(next(events), PassagesFound)
    writing_begins(running)
    before = running.supervisor.restarts("models")
    os.kill(running.supervisor.pid("models"), signal.SIGKILL)
    with ThreadPoolExecutor(1) as pool:
        *_, last = pool.submit(list, events).result(LONGEST_SECONDS)
    assert isinstance(last, AnswerCompleted)
    assert (last.answer.generator, [one.step for one in last.answer.degraded]) == (EXTRACTIVE, ["generate"])
    assert [one.code for one in last.answer.degraded] == ["worker_lost"]
    assert cites(last.answer.citations) == expected
    assert running.supervisor.restarts("models") > before
