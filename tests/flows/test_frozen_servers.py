"""Servers that are frozen, which is worse than dead: nothing is refused. Seen through the web process by its clients."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from apps.documents.models import DocumentVersion
from ragsite.gateway.models import Tenant
from ragsite.stack import ports
from ragsite.stack.local import PROJECT_DIR
from tests import factories as make
from tests.lines import Line
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.django_db(transaction=True)]
SEARCH_SECONDS = 4
AT_ONCE = 12
"""Requests beside each other: more than there are connections to the database."""


@dataclass(frozen=True, slots=True)
class Web:
    """A web process, and its lines to the servers."""

    url: str
    database: Line
    redis: Line


@pytest.fixture(scope="module")
def _web(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    port = ports.find_free()
    command = [sys.executable, "-m", "uvicorn", "ragsite.asgi:application", "--http", "ragsite.asgi:Protocol"]
    command += ["--port", str(port), "--lifespan", "off", "--no-access-log"]
    with Line(os.environ["DATABASE_URL"]) as database, Line(os.environ["REDIS_URL"]) as redis:
        environ = {
            **os.environ,
            "DATABASE_URL": database.url,
            "REDIS_URL": redis.url,
            "RAGSITE_DATA_DIR": str(tmp_path_factory.mktemp("frozen")),
            "RAGSITE_MODEL_TRANSPORT": "queue",
            "RAGSITE_SEARCH_SECONDS": str(SEARCH_SECONDS),
        }
        process = subprocess.Popen(command, cwd=PROJECT_DIR, env=environ)
        web = Web(f"http://127.0.0.1:{port}", database, redis)
        try:
            yield web
        finally:
            process.kill()
            process.wait(30)


@pytest.fixture
def web(_web: Web) -> Iterator[Web]:
    wait_for(lambda: _is_ready(_web), seconds=60, what="the web process is ready")
    yield _web
    _web.database.thaw()
    _web.redis.thaw()


@pytest.fixture
def client(web: Web) -> Iterator[httpx.Client]:
    """With a key and a knowledge base that has a document that is found. A request that takes `timeout` seconds is an error."""
    version = make.ready_version()
    key = make.api_key(Tenant.objects.get(pk=version.document.tenant_id))
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=web.url, headers=headers, timeout=60) as client:
        yield client


def _is_ready(web: Web) -> bool:
    try:
        return httpx.get(f"{web.url}/health/ready", timeout=30).is_success
    except httpx.TransportError:
        return False


def searched(client: httpx.Client, *, mode: str) -> httpx.Response:
    return client.post("/api/v1/search", json={"query": "When does the harbour office open?", "mode": mode})


def listed(client: httpx.Client) -> httpx.Response:
    return client.get("/api/v1/documents/")


def uploaded(client: httpx.Client, name: str, **more: float) -> httpx.Response:
    base = client.get("/api/v1/knowledge-bases/").json()["results"][0]["id"]
    return _sent(client, base, name, **more)


def _sent(client: httpx.Client, base: str, name: str, **more: float) -> httpx.Response:
    files = {"file": (name, f"The keeper signed {name}.", "text/plain")}
    return client.post("/api/v1/documents/", data={"knowledge_base": base}, files=files, **more)


def test_while_postgresql_is_frozen_every_request_is_refused_in_time_and_soon_after_all_is_well(
    web: Web, client: httpx.Client
) -> None:
    assert searched(client, mode="lexical").json()["passages"]
    base = client.get("/api/v1/knowledge-bases/").json()["results"][0]["id"]
    doors = (lambda: searched(client, mode="lexical"), lambda: listed(client), lambda: _sent(client, base, "one.txt"))
    web.database.freeze()
    client.timeout = httpx.Timeout(10)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [pool.submit(doors[number % len(doors)]) for number in range(2 * AT_ONCE)]
        health = httpx.get(f"{web.url}/health/ready", timeout=10)
    told = [answer.result() for answer in answers]
    assert {(one.status_code, one.json()["code"], one.headers["retry-after"]) for one in told} == {
        (503, "database_unavailable", "5")
    }
    assert (health.status_code, health.json()["status"]) == (503, "down")
    assert httpx.get(f"{web.url}/health/live", timeout=10).is_success
    web.database.thaw()
    wait_for(lambda: searched(client, mode="lexical").is_success, seconds=15, what="searches are answered again")
    assert uploaded(client, "two.txt").status_code == httpx.codes.ACCEPTED
    assert not DocumentVersion.objects.filter(filename="one.txt").exists()


def test_while_redis_is_frozen_uploads_are_taken_without_waiting_and_searches_go_by_words_within_their_deadline(
    web: Web, client: httpx.Client
) -> None:
    assert uploaded(client, "before.txt").status_code == httpx.codes.ACCEPTED
    web.redis.freeze()
    for number in range(3):
        assert uploaded(client, f"{number}.txt", timeout=3.5).status_code == httpx.codes.ACCEPTED
    found = client.post(
        "/api/v1/search",
        json={"query": "When does the harbour office open?", "mode": "hybrid"},
        timeout=SEARCH_SECONDS + 2,
    )
    assert found.json()["passages"]
    assert [one["step"] for one in found.json()["degraded"]]
    health = httpx.get(f"{web.url}/health/ready", timeout=10).json()
    assert health["status"] == "degraded"
    down = {name for name, outcome in health["checks"].items() if outcome not in ("ok", "not configured")}
    assert down == {"redis", "workers"}, "no worker runs here"
    web.redis.thaw()
    wait_for(lambda: _is_ready(web), seconds=15, what="Redis answers the web process again")
