"""The limits of the edge, on the real server: what is refused, with which answer, and what goes on."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import httpx
import pytest

from ragsite.gateway.keys import api_key_create
from ragsite.gateway.models import Permission, Tenant
from tests.acting import ACTOR
from tests.ragsite.gateway.serving import Server, get, read_all, serving
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.django_db]
MEGABYTE = 1024 * 1024
IMPATIENCE_SECONDS = 1.0


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    with serving() as started:
        yield started


@pytest.fixture(scope="module")
def impatient(django_db_setup: None) -> Iterator[Server]:
    patience = str(IMPATIENCE_SECONDS)
    with serving(STUB_ARRIVAL_SECONDS=patience, STUB_STALL_SECONDS=patience) as started:
        yield started


@pytest.fixture(scope="module")
def wary(django_db_setup: None) -> Iterator[Server]:
    """Of callers that are not known it takes little."""
    limits = {
        "STUB_UNKNOWN_BYTES": "10_000",
        "STUB_UNKNOWN_REQUESTS": "2",
        "STUB_HEADS": "5",
        "STUB_HEADS_BYTES": "9_000",
    }
    with serving(**limits) as started:
        yield started


@pytest.fixture(scope="module")
def key(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, str]]:
    """The header of a key that the server knows too."""
    with django_db_blocker.unblock():
        tenant = Tenant.objects.create(name="Known at the door")
        text = api_key_create(tenant=tenant, name="door", permissions=[Permission.READ], actor=ACTOR)[1]
        yield {"Authorization": f"Bearer {text}"}
        tenant.api_keys.all().delete()
        tenant.delete()


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"]


def raw_code(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    found: dict[str, Any] = json.loads(body)
    assert head.split(b" ")[1] == str(found["status"]).encode()
    return found["status"], found["code"]


def is_gone(client: socket.socket) -> bool:
    """Whether the server has ended the connection, without reading what came before."""
    poll = select.poll()
    poll.register(client, 0)
    return bool(poll.poll(0))


def post(server: Server, content: bytes | Iterable[bytes]) -> httpx.Response:
    return httpx.post(f"{server.url}/api/sized", content=content, timeout=30)


def test_a_body_that_says_it_is_too_large_is_refused(server: Server) -> None:
    assert code(post(server, b"." * (5 * MEGABYTE))) == (413, "request_too_large")


def test_a_body_that_becomes_too_large_is_refused_while_it_arrives(server: Server) -> None:
    parts = (b"." * 65536 for _ in range(5 * MEGABYTE // 65536))
    assert code(post(server, parts)) == (413, "request_too_large")


def test_a_refused_client_gets_its_answer_before_it_has_sent_all(server: Server) -> None:
    head = f"POST /api/sized HTTP/1.1\r\nHost: localhost\r\nContent-Length: {5 * MEGABYTE}\r\n\r\n"
    with server.connect(head.encode() + b"...") as client:
        assert client.recv(12) == b"HTTP/1.1 413"


def test_an_upload_within_the_limit_passes(server: Server) -> None:
    sent = b"." * (3 * MEGABYTE)
    answer = httpx.post(f"{server.url}/api/sized", files={"file": ("a.txt", sent)}, timeout=30)
    assert answer.json() == {"bytes": len(sent)}


def test_a_body_in_parts_without_a_length_passes(server: Server) -> None:
    assert post(server, (b"." * 1000 for _ in range(3))).json() == {"bytes": 3000}


def test_an_address_that_is_too_long_is_refused(server: Server) -> None:
    assert code(server.get("/rows?" + "x" * 2_000)) == (414, "url_too_long")
    assert server.get("/rows?" + "x" * 1_900).status_code == 200


def test_no_character_of_an_address_is_an_error_of_the_server(server: Server) -> None:
    with server.connect(b"GET /a%0Ab HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") as client:
        assert read_all(client).startswith(b"HTTP/1.1 404")


def test_so_is_one_that_is_too_long_for_the_server_to_take_apart(server: Server) -> None:
    with server.connect(b"GET /rows?" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n") as client:
        assert raw_code(read_all(client)) == (414, "url_too_long")


def test_headers_that_are_too_large_are_refused(server: Server) -> None:
    assert code(server.get("/rows", headers={"X-Long": "x" * 8_000})) == (431, "headers_too_large")
    assert server.get("/rows", headers={"X-Long": "x" * 7_000}).status_code == 200


def test_headers_without_end_are_refused_while_they_arrive(server: Server) -> None:
    with server.connect(b"GET /rows HTTP/1.1\r\n" + b"X-More: and more\r\n" * 700) as client:
        assert raw_code(read_all(client)) == (431, "headers_too_large")


def test_what_is_no_http_is_refused_in_the_same_shape(server: Server) -> None:
    with server.connect(b"hello\r\n\r\n") as client:
        assert raw_code(read_all(client)) == (400, "bad_request")


def test_a_head_that_does_not_become_whole_in_time_is_refused(impatient: Server) -> None:
    with impatient.connect(b"GET /rows HTTP/1.1\r\nHost:") as client:
        assert raw_code(read_all(client)) == (408, "request_timeout")


def test_a_second_head_on_a_connection_is_timed_too(impatient: Server) -> None:
    with impatient.connect(get("/health/opened")) as client:
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET /rows HTTP/1.1\r\nHost:")
        assert raw_code(read_all(client)) == (408, "request_timeout")


def test_a_body_that_does_not_become_whole_in_time_is_refused(impatient: Server) -> None:
    head = b"POST /api/sized HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
    with impatient.connect(head + b"...") as client:
        assert raw_code(read_all(client)) == (408, "request_timeout")


def test_a_client_that_says_nothing_is_let_go_without_a_word(impatient: Server) -> None:
    with impatient.connect() as client:
        assert read_all(client) == b""


def test_a_client_that_reads_nothing_is_let_go(impatient: Server) -> None:
    with impatient.open("/stream", clients=1), impatient.open("/large", clients=3) as stalled:
        for client in stalled:
            wait_for(partial(is_gone, client), seconds=20, what="it is let go")
        assert impatient.state()["streams"] == 1, "a stream that is read, or says little, goes on"


def test_a_client_that_reads_slowly_is_served_on(impatient: Server) -> None:
    until = time.monotonic() + 6 * IMPATIENCE_SECONDS
    with impatient.open("/large", clients=1) as (client,):
        wait_for(lambda: client.recv(2048) and time.monotonic() > until, seconds=30, what="it has read", every=0.1)
        assert not is_gone(client)


def test_more_requests_than_there_are_places_for_are_refused(django_db_setup: None) -> None:
    with serving(STUB_REQUESTS="5") as server, server.open("/stream", clients=5):
        wait_for(lambda: server.state()["streams"] == 5, seconds=20, what="all places are taken")
        refused = server.get("/rows")
        assert code(refused) == (503, "busy")
        assert refused.headers["retry-after"] == "1"
        assert server.state()["streams"] == 5, "health has places of its own"


def test_a_place_is_free_again_when_its_client_has_left(django_db_setup: None) -> None:
    with serving(STUB_REQUESTS="2") as server:
        with server.open("/stream", clients=2):
            wait_for(lambda: server.state()["streams"] == 2, seconds=20, what="all places are taken")
        wait_for(lambda: server.get("/rows").status_code == 200, seconds=20, what="a place is free")


def test_each_route_has_a_bound_of_its_own(server: Server) -> None:
    sent = b"." * 100_000
    assert post(server, sent).json() == {"bytes": len(sent)}
    answer = httpx.post(f"{server.url}/rows", content=sent, timeout=30)
    assert code(answer) == (413, "request_too_large")
    assert "65536 bytes" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer rag_0123456789ab." + "x" * 43}, {"Cookie": "sessionid=" + "x" * 32}],
    ids=["nothing", "an unknown key", "an unknown session"],
)
def test_a_large_body_is_taken_from_nobody_who_is_not_known(wary: Server, headers: dict[str, str]) -> None:
    for content in (b"." * 20_000, (b"." * 1_000 for _ in range(1_000))):
        answer = httpx.post(f"{wary.url}/api/sized", content=content, headers=headers, timeout=30)
        assert code(answer) == (401, "not_authenticated")


def test_a_body_without_end_and_without_a_key_is_refused_while_it_arrives_and_kept_nowhere(wary: Server) -> None:
    head = b"POST /api/sized HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with wary.connect(head) as client:
        for _ in range(50):
            client.sendall(b"10000\r\n" + b"." * 65536 + b"\r\n")
        assert client.recv(12) == b"HTTP/1.1 401"
        assert wary.state()["spooled"] == 0


def test_a_known_caller_may_send_as_much_as_the_route_takes(wary: Server, key: dict[str, str]) -> None:
    sent = b"." * 3_000_000
    answer = httpx.post(f"{wary.url}/api/sized", files={"file": ("a.txt", sent)}, headers=key, timeout=30)
    assert answer.json()["bytes"] == len(sent)


def test_callers_that_are_not_known_leave_places_for_those_that_are(wary: Server, key: dict[str, str]) -> None:
    with wary.open("/stream", clients=2):
        wait_for(lambda: wary.state()["streams"] == 2, seconds=20, what="their places are taken")
        assert code(wary.get("/rows")) == (503, "busy")
        assert code(httpx.post(f"{wary.url}/health/state", content=b"...", timeout=30)) == (503, "busy")
        assert wary.get("/rows", headers=key).status_code == 200
    wait_for(lambda: wary.state()["streams"] == 0, seconds=20, what="their places are free")


def test_of_too_many_heads_that_are_not_whole_the_first_is_let_go(wary: Server) -> None:
    with ExitStack() as stack:
        first, *others = [stack.enter_context(wary.connect(b"GET /rows HTTP/1.1\r\nHost:")) for _ in range(6)]
        assert raw_code(read_all(first)) == (408, "request_timeout")
        assert not any(map(is_gone, others))


def test_heads_that_are_not_whole_have_a_bound_together(wary: Server) -> None:
    half = b"GET /rows HTTP/1.1\r\nX-Long: " + b"x" * 4_000
    with ExitStack() as stack:
        first, second, _ = [stack.enter_context(wary.connect(half)) for _ in range(3)]
        assert raw_code(read_all(first)) == (408, "request_timeout")
        assert not is_gone(second)
