"""How requests run, seen from outside on the real server: threads, connections to the database, and who waits for whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ragsite.gateway import threads
from ragsite.gateway.threads import REQUESTS
from tests.ragsite.gateway.serving import LARGE, PART, PARTS, Server, get, serving
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.django_db]
POOL = 8
STREAMS = 200
# Our pools, and what the server and the pool of connections have: theirs do not depend on the clients.
MOST_THREADS = sum(one._max_workers for one in (REQUESTS, threads.STREAMS, threads.LOOKUPS, threads.PROBES)) + 12


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    with serving() as started:
        yield started


def nothing_taken(server: Server) -> None:
    wait_for(lambda: server.state()["taken"] == 0, seconds=10, what="all connections are in the pool")


def test_clients_that_read_nothing_hold_no_connection_to_the_database(server: Server) -> None:
    with server.open("/large", clients=POOL + 4) as clients:
        for client in clients:
            assert client.recv(12) == b"HTTP/1.1 200"
        assert [server.get("/rows").status_code for _ in range(POOL)] == [200] * POOL
        nothing_taken(server)


def test_slow_streams_hold_neither_threads_nor_connections(server: Server) -> None:
    with server.open("/stream", clients=STREAMS) as clients:
        for client in clients:
            assert client.recv(12) == b"HTTP/1.1 200"
        assert wait_for(lambda: server.state()["streams"] == STREAMS, seconds=30, what="all streams are open")
        assert [server.get("/rows").status_code for _ in range(2 * POOL)] == [200] * 2 * POOL
        nothing_taken(server)
        assert server.state()["threads"] <= MOST_THREADS < STREAMS
    wait_for(lambda: server.state()["streams"] == 0, seconds=30, what="the streams end when their clients leave")


def test_a_stream_asks_the_database_and_holds_no_connection_afterwards(server: Server) -> None:
    count = server.get("/rows").json()["rows"]
    assert server.get("/counted").text == f"{count} " * 3
    nothing_taken(server)


def test_what_is_not_asynchronous_is_streamed_part_by_part(server: Server) -> None:
    with server.open("/by-parts", clients=1) as (client,):
        assert client.recv(12) == b"HTTP/1.1 200"
        assert server.state()["parts"] < PARTS / 2, "what nobody reads is not made"
    assert len(server.get("/by-parts").content) == len(PART) * PARTS


def test_a_file_arrives_whole(server: Server) -> None:
    assert server.get("/file").content == Path(__file__).with_name("web_stub.py").read_bytes()


def test_a_large_answer_arrives_whole(server: Server) -> None:
    assert len(server.get("/large").content) == LARGE


def test_a_connection_serves_several_requests(server: Server) -> None:
    with httpx.Client(base_url=server.url) as client:
        assert [client.get("/rows").status_code for _ in range(3)] == [200] * 3
    with server.connect(get("/rows") * 2) as connection:
        answered = b""
        while answered.count(b"HTTP/1.1 200") < 2:
            answered += connection.recv(65536)


def test_health_answers_while_every_thread_waits(server: Server) -> None:
    with server.open("/held", clients=REQUESTS._max_workers + 10) as clients:
        assert server.get("/health/opened").text == "open"
        for client in clients:
            assert client.recv(12) == b"HTTP/1.1 200"
