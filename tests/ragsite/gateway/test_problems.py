from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponseNotAllowed
from django.test import Client, RequestFactory

from apps.documents.api import knowledge_bases as bases_api
from apps.documents.models import KnowledgeBase
from apps.retrieval.doors import api as retrieval_api
from ragsite.gateway.problems import problems_middleware
from tests import factories as make

pytestmark = pytest.mark.django_db

BASES, DOCUMENTS, SEARCH, ASK = "/api/v1/knowledge-bases/", "/api/v1/documents/", "/api/v1/search", "/api/v1/ask"
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def client() -> Client:
    return make.client(make.tenant())


def problem_of(response: Any, *, status: int, code: str = "") -> dict[str, Any]:
    """The problem, checked for the one shape."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem.keys() - {"errors"} == {"type", "title", "status", "detail", "code", "request_id"}
    assert problem["request_id"] == response["X-Request-ID"]
    assert problem["status"] == status
    assert problem["type"] == f"urn:ragsite:problem:{problem['code']}"
    assert problem["title"]
    assert problem["detail"]
    for error in problem.get("errors", []):
        assert error.keys() == {"field", "message"}
        assert error["message"]
    assert not code or problem["code"] == code
    return problem


def fields_of(problem: dict[str, Any]) -> set[str]:
    return {error["field"] for error in problem["errors"]}


def post(client: Client, url: str, body: Any) -> Any:
    return client.post(url, body, content_type="application/json")


@pytest.mark.parametrize(
    ("url", "body", "fields"),
    [
        (BASES, {}, {"name"}),
        (BASES, {"name": ""}, {"name"}),
        (BASES, {"name": "x" * 121}, {"name"}),
        (BASES, {"name": ["a"], "description": {}}, {"name", "description"}),
        (BASES, {"name": "ok", "chunking": 7}, {"chunking"}),
        (BASES, [], {""}),
        (SEARCH, {}, {"query"}),
        (SEARCH, {"query": ""}, {"query"}),
        (SEARCH, {"query": "   "}, {"query"}),
        (SEARCH, {"query": "x" * 2001}, {"query"}),
        (SEARCH, {"query": "x", "top_k": 0}, {"top_k"}),
        (SEARCH, {"query": "x", "top_k": 101}, {"top_k"}),
        (SEARCH, {"query": "x", "top_k": "many"}, {"top_k"}),
        (SEARCH, {"query": "x", "knowledge_bases": ["nonsense"]}, {"knowledge_bases.0"}),
        (ASK, {"question": 7, "top_k": None}, {"question", "top_k"}),
        (ASK, {"question": "x", "knowledge_bases": [NOBODY] * 51}, {"knowledge_bases"}),
    ],
)  # fmt: skip
def test_both_apis_say_which_field_is_wrong_in_the_same_shape(
    client: Client, url: str, body: Any, fields: set[str]
) -> None:
    problem = problem_of(post(client, url, body), status=422, code="invalid_input")
    assert fields_of(problem) == fields


def test_chunking_that_does_not_exist_is_refused_with_the_value_and_what_to_do(client: Client) -> None:
    body = {"name": "Cut oddly", "chunking": {"size": 3}}
    problem = problem_of(post(client, BASES, body), status=422, code="invalid_chunking")
    assert "The chunk size 3 is invalid. Choose a size from" in problem["detail"]
    assert not KnowledgeBase.objects.exists()


MALFORMED = {
    "cut off": b'{"name": "x", "query": ',
    "empty": b"",
    "no JSON": b"name=x&query=x",
    "not UTF-8": b'{"name": "\xff", "query": "\xff", "question": "\xff"}',
    "deeply nested": b"[" * 100_000,
    "an endless number": b'{"name": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("url", [BASES, SEARCH, ASK])
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_body_is_the_callers_problem(client: Client, url: str, body: bytes) -> None:
    response = client.generic("POST", url, body, content_type="application/json")
    assert response.status_code in (400, 422), response.content
    problem_of(response, status=response.status_code)
    assert not KnowledgeBase.objects.exists()


@pytest.mark.parametrize("url", [BASES, DOCUMENTS])
def test_a_content_type_that_is_not_read_is_415(client: Client, url: str) -> None:
    problem_of(client.generic("POST", url, b"<a/>", content_type="application/xml"), status=415)


@pytest.mark.parametrize("url", [SEARCH, ASK])
def test_a_body_that_is_no_json_is_refused_by_the_queries(client: Client, url: str) -> None:
    response = client.generic("POST", url, b"<a/>", content_type="application/xml")
    problem_of(response, status=response.status_code)
    assert response.status_code in (400, 415)


@pytest.mark.parametrize(
    ("method", "url"),
    [("put", BASES), ("get", SEARCH), ("delete", ASK), ("post", f"/api/v1/answers/{NOBODY}")],
)
def test_a_method_that_is_not_offered_is_405_in_the_one_shape(client: Client, method: str, url: str) -> None:
    response = getattr(client, method)(url, {}, content_type="application/json")
    problem_of(response, status=405, code="method_not_allowed")
    assert response["Allow"]


def test_a_body_too_large_to_be_read_is_413(client: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    for url, field in [(BASES, "description"), (SEARCH, "query")]:
        response = post(client, url, {"name": "x", field: "x" * 2000})
        problem_of(response, status=413, code="request_too_large")
    assert not KnowledgeBase.objects.exists()


ODD = {
    "NUL": "a\x00b",
    "lone surrogate": "a\ud800b",
    "reversed pair": "\udc00\ud800",
    "a noncharacter": "a\uffffb",
    "direction marks": "a\u202eb",
    "beyond the plane": "a\U0010ffffb",
    "a zero-width joiner": "\u200d",
    "an escape": "\x1b[31m",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
@pytest.mark.parametrize(
    ("url", "body"),
    [
        (BASES, {"name": "{odd}"}),
        (BASES, {"name": "fine", "description": "{odd}"}),
        (BASES, {"name": "fine", "chunking": {"{odd}": 1}}),
        (BASES, {"name": "fine", "chunking": {"strategy": "{odd}"}}),
        (SEARCH, {"query": "{odd}"}),
        (SEARCH, {"query": "x", "knowledge_bases": ["{odd}"]}),
        (ASK, {"question": "{odd}"}),
    ],
)
def test_odd_characters_never_break_anything(client: Client, url: str, body: Any, text: str) -> None:
    response = post(client, url, _with(body, text))
    assert response.status_code < 500, response.content
    if response.status_code >= 400:
        problem_of(response, status=response.status_code)


def _with(body: Any, text: str) -> Any:
    if isinstance(body, dict):
        return {key.replace("{odd}", text): _with(value, text) for key, value in body.items()}
    if isinstance(body, list):
        return [_with(value, text) for value in body]
    return body.replace("{odd}", text) if isinstance(body, str) else body


@pytest.mark.parametrize("text", [*ODD.values(), "%00", "' OR 1=1 --", "9" * 400], ids=repr)
@pytest.mark.parametrize("parameter", ["external_id", "knowledge_base", "limit", "offset", "unknown"])
def test_odd_query_strings_never_break_anything(client: Client, parameter: str, text: str) -> None:
    sendable = text.encode("utf-8", "replace").decode()
    response = client.get(DOCUMENTS, {parameter: sendable})
    assert response.status_code in (200, 400, 422), response.content


@pytest.mark.parametrize("path", ["x", "%00", "..%2f..%2fetc%2fpasswd", "0" * 3000, "%ff", "' OR 1=1"])
@pytest.mark.parametrize("root", [BASES, DOCUMENTS, "/api/v1/versions/", "/api/v1/answers/"])
def test_an_invalid_id_is_refused_in_the_one_shape(client: Client, root: str, path: str) -> None:
    response = client.get(f"{root}{path}")
    assert response.status_code in (404, 422), response.content
    problem_of(response, status=response.status_code)


def test_a_failure_of_ours_is_a_problem_that_reveals_nothing_of_the_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail of the inside")

    monkeypatch.setattr(bases_api, "knowledge_bases_visible", fails)
    monkeypatch.setattr(retrieval_api, "access_scope", fails)
    client = make.client(make.tenant(), raise_request_exception=False)
    for response in (client.get(BASES), post(client, SEARCH, {"query": "x"}), post(client, ASK, {"question": "x"})):
        problem_of(response, status=500, code="internal_error")
        assert b"secret" not in response.content
        assert b"Traceback" not in response.content


def test_a_host_that_is_not_served_is_refused_in_the_one_shape(client: Client) -> None:
    problem_of(client.get(BASES, headers={"Host": "evil.example"}), status=400, code="bad_request")


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/nothing", "/healthy", "/static/nothing.js", "/api/v1/nothing", "/metrics/x"])
@pytest.mark.parametrize("accept", ["", "*/*", "application/json"])
def test_a_client_that_asks_for_no_page_gets_a_problem_wherever_it_asks(path: str, accept: str) -> None:
    problem_of(Client().get(path, headers={"Accept": accept}), status=404, code="not_found")


def test_a_browser_gets_a_plain_page_with_a_link_to_what_was_meant() -> None:
    response = Client().get("/helth/ready", headers=BROWSER)
    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")
    page = response.content.decode()
    assert "There is nothing at /helth/ready. Did you mean /health/ready?" in page
    assert '<a href="/health/ready">' in page
    assert response["X-Request-ID"] in page


def test_what_was_asked_for_is_text_on_the_page() -> None:
    page = Client().get("/<script>alert(1)</script>", headers=BROWSER).content
    assert b"<script>" not in page


@pytest.mark.parametrize(
    ("method", "path", "meant"),
    [
        ("get", "/api/v1/documents", "/api/v1/documents/"),
        ("post", "/api/v1/knowledge-bases", "/api/v1/knowledge-bases/"),
        ("post", "/api/v1/search/", "/api/v1/search"),
        ("get", "/api/v1/document/", "/api/v1/documents/"),
    ],
)
def test_a_wrong_slash_is_told_with_the_right_address(client: Client, method: str, path: str, meant: str) -> None:
    problem = problem_of(getattr(client, method)(path), status=404, code="not_found")
    assert f"Did you mean {meant}?" in problem["detail"]


def test_a_method_that_is_not_offered_outside_the_api_is_told_with_those_that_are() -> None:
    response = Client().post("/admin/jsi18n/")
    assert response.status_code == 302
    request = RequestFactory().post("/somewhere")
    refused = problems_middleware(lambda _: HttpResponseNotAllowed(["GET", "HEAD"]))(request)
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")
    assert b"POST /somewhere was refused. Use GET, HEAD." in getattr(refused, "content", b"")


@pytest.mark.parametrize("headers", [{}, BROWSER], ids=["program", "browser"])
def test_django_s_other_refusals_are_told_in_words_too(headers: dict[str, str], settings: Any) -> None:
    settings.DEBUG = False
    strange = Client().get("/health/live/x", headers={**headers, "Host": "evil.example"})
    assert (strange.status_code, b"RAGSITE_ALLOWED_HOSTS" in strange.content) == (400, True)
    forged = Client(enforce_csrf_checks=True).post("/admin/login/", {}, headers=headers)
    assert (forged.status_code, b"Open the page again" in forged.content) == (403, True)
    for response in (strange, forged):
        assert response["Content-Type"].startswith("text/html" if headers else "application/problem+json")


@pytest.mark.parametrize("url", [BASES, SEARCH, ASK])
@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"name": "x",\n  "query" "x"}', "line 2, column 11: a colon was expected after the name"),
        (b'{"name": "x"', "line 1, column 13: a comma was expected, or the end of what was begun"),
        (b"{name: 1}", "line 1, column 2: a name in double quotes was expected"),
        (b'{"name": "x', "line 1, column 10: the text that begins here has no closing quote"),
        (b'{"name": }', "line 1, column 10: a value was expected"),
        (b"name=x", "line 1, column 1: a value was expected"),
        (b'{"name": "a\nb"}', "line 1, column 12: a line break or another control character"),
        (b'{"name": "\\q"}', "line 1, column 11: after a backslash"),
        (b'{"name": "\\u12"}', "line 1, column 12: after \\u four hexadecimal digits"),
        (b"{} {}", "line 1, column 4: nothing more was expected after the first value"),
        (b'{"name": "\xff"}', "byte 11 is no utf-8"),
        (b'{"name": NaN}', "NaN is no number there"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"name": ' + b"9" * 5000 + b"}", "a number with too many digits"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_json_that_cannot_be_read_is_told_with_its_place_and_what_was_expected(
    client: Client, url: str, body: bytes, told: str
) -> None:
    problem = problem_of(client.generic("POST", url, body, content_type="application/json"), status=400)
    assert problem["code"] == "bad_request"
    assert told in problem["detail"]


def test_json_of_another_encoding_is_read(client: Client) -> None:
    body = '{"name": "Häfen"}'.encode("latin-1")
    assert client.generic("POST", BASES, body, content_type="application/json; charset=latin-1").status_code == 201
    problem = client.generic("POST", BASES, b"{}", content_type="application/json; charset=base64")
    assert "base64" in problem_of(problem, status=400)["detail"]
