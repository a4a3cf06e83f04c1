"""What is tried again, what is not, and what comes of a reply that is no success."""

from __future__ import annotations

import ast
import ssl
import tomllib
from pathlib import Path

import certifi
import httpx
import pytest
from ragsite_client import (
    ChangedMeanwhileError,
    Client,
    ConflictError,
    ConnectionFailedError,
    InvalidInputError,
    KnowledgeBase,
    LimitReachedError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
    ProblemError,
    ServerFailedError,
    UnexpectedReplyError,
)
from ragsite_client.calls import certificates

from tests.client.serving import HOST, Script, Stream, problem, problem_body, reply

PACKAGE = Path(__file__).resolve().parents[2] / "client"
BASE = {"id": "1", "name": "Handbooks"}
CUT = httpx.ReadError("cut off")


def test_a_problem_is_an_error_with_its_code_and_what_to_do() -> None:
    script = Script(problem("not_found", 404))
    with pytest.raises(ProblemError, match=r"not_found \(404\): It is not_found\. Do something else\.") as error:
        script.client().version("1")
    assert (error.value.code, error.value.status, error.value.retry_after) == ("not_found", 404, None)
    assert error.value.detail == "It is not_found. Do something else."


def test_a_page_of_a_proxy_in_between_is_a_problem_by_its_status() -> None:
    script = Script(httpx.Response(502, text="<h1>Bad gateway</h1>"))
    with pytest.raises(ProblemError) as error:
        script.client().version("1")
    assert (error.value.code, error.value.detail) == ("http_502", "<h1>Bad gateway</h1>")


@pytest.mark.parametrize(
    "body", [b"<h1>Welcome</h1>", b'{"results": "none"}', b'{"results": [{"name": "x"}], "next": null}']
)
def test_a_server_that_is_no_ragsite_is_told_apart(body: bytes) -> None:
    with pytest.raises(UnexpectedReplyError):
        Script(httpx.Response(200, content=body)).client().knowledge_bases()


def test_what_a_newer_server_says_besides_is_passed_over() -> None:
    script = Script(reply({"results": [BASE | {"colour": "blue"}], "next": None, "more": 1}))
    assert script.client().knowledge_bases() == [KnowledgeBase("1", "Handbooks")]


def test_a_list_is_followed_page_by_page() -> None:
    following = f"{HOST}/api/v1/knowledge-bases/?cursor=WyJ4Il0&limit=1"
    script = Script(
        reply({"results": [BASE], "next": following}), reply({"results": [BASE | {"id": "2"}], "next": None})
    )
    assert [one.id for one in script.client().knowledge_bases()] == ["1", "2"]
    assert [str(one.url) for one in script.asked] == [f"{HOST}/api/v1/knowledge-bases/?cursor=first", following]
    assert {one.headers["Authorization"] for one in script.asked} == {"Bearer rag_key"}


def test_a_read_whose_line_broke_is_tried_again_with_longer_waits(waits: list[float]) -> None:
    script = Script(CUT, CUT, reply({"id": "1", "status": "ready"}))
    assert script.client().version("1").status == "ready"
    assert waits == [0.25, 0.5]


def test_it_is_not_tried_for_ever(waits: list[float]) -> None:
    script = Script(CUT, CUT)
    with pytest.raises(ConnectionFailedError):
        script.client(retries=1).version("1")
    assert len(waits) == 1


def test_a_write_is_sent_again_under_the_same_key_with_the_whole_file(waits: list[float], tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("All of it.")
    done = {"outcome": "created", "document": "1", "version": {"id": "2", "status": "uploaded"}}
    script = Script(CUT, problem("busy", 503, Retry_After="2"), reply(done, 202))
    assert script.client().upload("1", str(file)).outcome == "created"
    keys = {one.headers["Idempotency-Key"] for one in script.asked}
    assert (len(script.asked), len(keys)) == (3, 1)
    assert all(b"All of it." in one.content for one in script.asked)
    assert waits == [0.25, 2.0]


@pytest.mark.parametrize("lost", [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow")])
def test_a_question_that_never_arrived_is_asked_again(waits: list[float], lost: Exception) -> None:
    script = Script(lost, problem("bad_request", 400))
    with pytest.raises(ProblemError, match="bad_request"):
        script.client().ask("When?")
    assert (len(script.asked), waits) == (2, [0.25])


def test_what_may_be_gone_already_is_not_taken_away_twice(waits: list[float]) -> None:
    script = Script(CUT)
    with pytest.raises(ConnectionFailedError):
        script.client().delete_document("1")
    assert (script.asked[0].method, len(script.asked), waits) == ("DELETE", 1, [])


def test_who_does_not_answer_is_named_and_the_key_is_not(waits: list[float]) -> None:
    with pytest.raises(ConnectionFailedError, match=r"No answer from http://testserver/api/v1.*refused") as error:
        Script(*[httpx.ConnectError("refused")] * 3).client().version("1")
    assert "rag_key" not in str(error.value)


def test_the_wait_until_a_date_is_waited_as_well(waits: list[float]) -> None:
    script = Script(
        problem("busy", 503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"), reply({"id": "1", "status": "ready"})
    )
    assert script.client().version("1").status == "ready"
    assert waits == [0.0]


def test_an_address_that_leads_elsewhere_is_told_and_one_that_is_none_is_refused() -> None:
    moved = httpx.Response(308, headers={"Location": "https://testserver/api/v1/versions/1/"})
    with pytest.raises(UnexpectedReplyError, match=r"leads to https://testserver/api/v1/versions/1/\."):
        Script(moved).client().version("1")
    with pytest.raises(ValueError, match=r"'127\.0\.0\.1:8000' does not begin with http://"):
        Client("127.0.0.1:8000", "rag_key")


def test_a_key_that_was_read_with_its_line_break_is_sent_without() -> None:
    script = Script(reply({"id": "1", "status": "ready"}))
    Client(HOST, "rag_key\n", transport=httpx.MockTransport(script)).version("1")
    assert script.asked[0].headers["Authorization"] == "Bearer rag_key"


def test_an_upload_says_how_far_it_is_and_begins_again_when_it_is_sent_again(
    waits: list[float], tmp_path: Path
) -> None:
    file, told = tmp_path / "a.txt", list[tuple[int, int]]()
    file.write_bytes(b"a" * 100_000)
    script = Script(CUT, reply({"results": []}))
    script.client().upload_many("1", [file, ("b.txt", b"b" * 10)], progress=lambda *sent: told.append(sent))
    once = [(65_536, 100_010), (100_000, 100_010), (100_010, 100_010)]
    assert told == once * 2
    assert script.asked[0].headers["Content-Length"] == str(len(script.asked[0].content))


def test_a_question_whose_line_broke_is_sent_again_under_its_key_so_that_it_is_asked_once(waits: list[float]) -> None:
    script = Script(CUT, problem("idempotency_conflict", 409, Retry_After="1"), problem("bad_request", 400))
    with pytest.raises(ProblemError, match="bad_request"):
        script.client().ask("When?")
    assert (len({one.headers["Idempotency-Key"] for one in script.asked}), waits) == (1, [0.25, 1.0])


def test_a_search_is_sent_again_and_the_end_of_a_stream_is_not(waits: list[float]) -> None:
    script = Script(CUT, reply({"passages": []}), CUT)
    assert script.client().search("When?").passages == ()
    with pytest.raises(ConnectionFailedError):
        script.client().cancel("1")
    assert (len(script.asked), waits) == (3, [0.25])


def test_every_writing_call_carries_a_key_and_reading_ones_do_not() -> None:
    script = Script(*[reply({}) for _ in range(4)])
    client = script.client()
    for method in ("GET", "POST", "PATCH", "DELETE"):
        client.call(method, "/usage/", if_match='"a"')  # type: ignore[arg-type]  # a literal in each round
    assert ["Idempotency-Key" in one.headers for one in script.asked] == [False, True, True, False]
    assert {one.headers["If-Match"] for one in script.asked} == {'"a"'}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, NotAuthenticatedError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, ConflictError),
        (412, ChangedMeanwhileError),
        (415, ProblemError),
        (422, InvalidInputError),
        (429, LimitReachedError),
        (500, ServerFailedError),
        (503, ServerFailedError),
    ],
)
def test_what_programs_tell_apart_has_a_class_and_every_error_names_its_request(
    status: int, kind: type[ProblemError]
) -> None:
    named = reply(problem_body("some_code", status) | {"request_id": "r-1"}, status)
    script = Script(named, httpx.Response(status, text="Gone wrong", headers={"X-Request-ID": "r-2"}))
    told = []
    for _ in range(2):
        with pytest.raises(ProblemError) as error:
            script.client(retries=0).version("1")
        assert type(error.value) is kind
        told.append(error.value.request_id)
    assert told == ["r-1", "r-2"]


def test_what_was_never_answered_is_named_by_the_id_that_was_sent_each_time(waits: list[float]) -> None:
    script = Script(CUT, CUT)
    with pytest.raises(ConnectionFailedError) as error:
        script.client(retries=1).version("1")
    assert [one.headers["X-Request-ID"] for one in script.asked] == [error.value.request_id] * 2
    assert error.value.request_id


def test_a_changed_thing_is_told_with_its_new_etag_and_what_was_seen_is_sent() -> None:
    script = Script(reply(BASE, ETag='"a"'), reply(BASE, ETag='"b"'), httpx.Response(204))
    client = script.client()
    seen = client.knowledge_base("1")
    changed = client.change_knowledge_base("1", name="Handbooks", if_match=seen.etag)
    client.delete_knowledge_base("1", if_match=changed.etag)
    assert [one.headers.get("If-Match") for one in script.asked] == [None, '"a"', '"b"']
    assert seen == changed


def test_a_call_that_will_go_is_warned_of() -> None:
    script = Script(reply({}, Deprecation="@1764547200", Sunset="Tue, 01 Jun 2027 00:00:00 GMT"))
    with pytest.warns(DeprecationWarning, match=r"GET /api/v1/old/ goes on Tue, 01 Jun 2027"):
        script.client().call("GET", "/old/")


def test_what_is_downloaded_is_written_as_it_comes_and_a_refusal_leaves_an_error(tmp_path: Path) -> None:
    to = tmp_path / "a.bin"
    script = Script(httpx.Response(200, stream=Stream([b"ab", b"c"])), problem("not_found", 404))
    assert (script.client().download("/documents/1/file/", to), to.read_bytes()) == (3, b"abc")
    with pytest.raises(NotFoundError):
        script.client().download("/documents/1/file/", tmp_path / "b.bin")


def test_certificates_are_checked_by_the_authorities_of_a_file(tmp_path: Path) -> None:
    assert certificates(True) is True
    context = certificates(certifi.where())
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    with pytest.raises(FileNotFoundError):
        Client("https://testserver", "rag_key", verify=tmp_path / "nothing.pem")


@pytest.mark.parametrize(
    ("code", "status", "wait", "times"),
    [
        ("too_many_requests", 429, "1", 2),
        ("rate_limited", 429, "7", 2),
        ("quota_exceeded", 429, "3600", 1),
        ("limits_unavailable", 503, "5", 2),
        ("idempotency_conflict", 409, "1", 2),
        ("busy", 503, "3600", 1),
        ("conflict", 409, "1", 1),
        ("deadline_exceeded", 504, "1", 1),
    ],
)
def test_only_what_the_server_asks_to_send_again_soon_is_sent_again(
    waits: list[float], code: str, status: int, wait: str, times: int
) -> None:
    script = Script(*[problem(code, status, Retry_After=wait)] * times)
    with pytest.raises(ProblemError) as error:
        script.client(retries=1).ask("When?")
    assert (len(script.asked), error.value.retry_after) == (times, float(wait))
    assert waits == [float(wait)] * (times - 1)


def test_the_client_needs_httpx_alone_and_llamaindex_only_where_it_is_used() -> None:
    about = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    assert [one.partition(">")[0] for one in about["dependencies"]] == ["httpx"]
    users = {path.name for path in (PACKAGE / "src").rglob("*.py") for name in _imported(path) if name == "llama_index"}
    assert users <= {"llamaindex.py"}


def _imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {
        name.partition(".")[0]
        for name in plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    }
