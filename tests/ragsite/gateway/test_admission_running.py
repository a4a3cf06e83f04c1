"""Admission on the real server: who waits holds nothing, and who has left is worked for no more."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ragsite.gateway.routes import Capacity
from tests.ragsite.gateway.serving import Server, get, serving
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.django_db]
AT_ONCE = 20
OF_ONE = Capacity(AT_ONCE, 0, 0).at_once_of_one


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    with serving(RAGSITE_OTHERS_AT_ONCE=str(AT_ONCE), RAGSITE_QUEUE_LENGTH="30") as started:
        yield started


@pytest.fixture(autouse=True)
def gate(server: Server) -> Iterator[None]:
    server.get("/health/shut")
    yield
    server.get("/health/opened")


def test_more_requests_than_connections_wait_and_are_all_answered(server: Server) -> None:
    """Each keeps a connection for a second. They would wait longer for one than the pool lets them."""
    with ThreadPoolExecutor(40) as clients:
        assert list(clients.map(lambda _: server.get("/asleep").status_code, range(40))) == [200] * 40


def test_a_queue_that_is_full_refuses_with_the_time_to_come_back(server: Server) -> None:
    with server.open("/held", clients=OF_ONE + 30):
        wait_for(lambda: server.state()["waiting"] == 30, seconds=20, what="the queue is full")
        refused = server.get("/rows")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert refused.headers["retry-after"] == "2"
        assert refused.headers["content-type"] == "application/problem+json"
        server.get("/health/opened")


def test_what_waits_for_a_client_that_left_is_never_begun(server: Server) -> None:
    begun = server.state()["held"]
    with server.open("/held", clients=OF_ONE):
        wait_for(lambda: server.state()["held"] == begun + OF_ONE, seconds=20, what="all places are taken")
        with server.open("/held", clients=10):
            wait_for(lambda: server.state()["waiting"] == 10, seconds=20, what="they wait")
        wait_for(lambda: server.state()["waiting"] == 0, seconds=20, what="nobody waits for them")
        server.get("/health/opened")
        assert server.get("/rows").status_code == 200
    assert server.state()["held"] == begun + OF_ONE


def test_work_for_a_client_that_left_is_given_up(server: Server) -> None:
    given_up = server.state()["given up"]
    with server.connect(get("/unending")):
        wait_for(lambda: server.state()["running"] == 1, seconds=20, what="the work has begun")
    wait_for(lambda: server.state()["given up"] == given_up + 1, seconds=20, what="the work ends")
    wait_for(lambda: server.state()["running"] == 0, seconds=20, what="its place is free")
    assert server.get("/rows").status_code == 200
