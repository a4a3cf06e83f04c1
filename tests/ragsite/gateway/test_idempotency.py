"""Requests that are sent again under one Idempotency-Key."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from django.urls import get_resolver

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from ragsite.api import openai_shaped, queries, resources
from ragsite.core.leases import Claim, lease_claim
from ragsite.core.models import OutboxEvent
from ragsite.gateway.idempotency import LIFETIME, idempotency_purge
from ragsite.gateway.models import IdempotencyRecord, Permission
from tests import factories as make
from tests import turns

pytestmark = pytest.mark.django_db

DOCUMENTS, BASES = "/api/v1/documents/", "/api/v1/knowledge-bases/"


@pytest.fixture
def base() -> KnowledgeBase:
    return make.knowledge_base()


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    return make.client(base.tenant)


def upload(client: Client, base: KnowledgeBase, text: str = "Some text.", key: str = "once", **fields: Any) -> Any:
    body = {"knowledge_base": str(base.pk), "file": make.file(text, fields.pop("name", "note.txt")), **fields}
    return client.post(DOCUMENTS, body, headers={"Idempotency-Key": key})


def create(client: Client, name: str = "Handbooks", key: str = "once") -> Any:
    return client.post(BASES, {"name": name}, content_type="application/json", headers={"Idempotency-Key": key})


def counts() -> tuple[int, int, int]:
    return Document.objects.count(), DocumentVersion.objects.count(), OutboxEvent.objects.count()


def claim_as_another_process() -> Claim:
    claim = lease_claim(IdempotencyRecord.objects.order_by("pk"), limit=1)
    assert claim.ids
    return claim


def forget_the_answer() -> None:
    """As a process leaves the record that is killed between the effect and the answer."""
    IdempotencyRecord.objects.update(status=None, body=b"", content_type="")


def test_the_same_request_again_is_answered_alike_and_takes_effect_once(client: Client, base: KnowledgeBase) -> None:
    first, again = upload(client, base), upload(client, base)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.content == first.content
    assert again["Content-Type"] == first["Content-Type"] == "application/json"
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert counts() == (1, 1, 1)


def test_without_a_key_nothing_is_kept(client: Client, base: KnowledgeBase) -> None:
    body = {"knowledge_base": str(base.pk), "file": make.file("Some text.")}
    assert [client.post(DOCUMENTS, body | {"file": make.file("Some text.")}).status_code for _ in range(2)] == [
        202,
        200,
    ]
    assert not IdempotencyRecord.objects.exists()


def test_a_refusal_is_answered_alike_too(client: Client, base: KnowledgeBase) -> None:
    first, again = (upload(client, base, name="program.exe") for _ in range(2))
    assert first.status_code == again.status_code == 422
    assert again.content == first.content
    assert again["Content-Type"] == "application/problem+json"
    assert again["Idempotency-Replayed"] == "true"
    assert counts() == (0, 0, 0)


@pytest.mark.parametrize(
    "changed",
    [{"text": "Other text."}, {"name": "other.txt"}, {"title": "A title"}, {"metadata": '{"a": 1}'}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_key_of_another_request_is_refused_and_nothing_happens(
    client: Client, base: KnowledgeBase, changed: dict[str, str]
) -> None:
    upload(client, base)
    before = counts()
    refused = upload(client, base, **changed)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_mismatch")
    assert "'once'" in refused.json()["detail"]
    assert counts() == before


def test_a_key_is_of_one_address(client: Client, base: KnowledgeBase) -> None:
    document = upload(client, base).json()["document"]
    for method, url in (("post", f"{DOCUMENTS}{document}/versions/"), ("post", f"{DOCUMENTS}?format=json")):
        body = {"knowledge_base": str(base.pk), "file": make.file("Some text.")}
        refused = getattr(client, method)(url, body, headers={"Idempotency-Key": "once"})
        assert refused.json()["code"] == "idempotency_mismatch", url


def test_how_the_client_cuts_the_body_into_parts_does_not_matter(client: Client, base: KnowledgeBase) -> None:
    def send(edge: str, order: int) -> Any:
        parts = [
            f'name="knowledge_base"\r\n\r\n{base.pk}',
            'name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nSome text.',
        ][::order]
        body = "".join(f"--{edge}\r\nContent-Disposition: form-data; {part}\r\n" for part in parts) + f"--{edge}--\r\n"
        content_type = f"multipart/form-data; boundary={edge}"
        return client.generic("POST", DOCUMENTS, body, content_type, headers={"Idempotency-Key": "once"})

    first, again = send("one", 1), send("another", -1)
    assert first.status_code == 202, first.content
    assert again["Idempotency-Replayed"] == "true"


def test_two_tenants_may_use_one_key(client: Client, base: KnowledgeBase) -> None:
    theirs = make.knowledge_base()
    first, other = upload(client, base), upload(make.client(theirs.tenant), theirs)
    assert (first.status_code, other.status_code) == (202, 202)
    assert "Idempotency-Replayed" not in other
    assert counts() == (2, 2, 2)


def test_a_key_that_may_not_write_learns_nothing_of_an_answer(client: Client, base: KnowledgeBase) -> None:
    upload(client, base)
    assert upload(make.client(base.tenant, Permission.READ), base).status_code == 403


def test_while_the_first_request_runs_another_is_told_to_come_back(client: Client, base: KnowledgeBase) -> None:
    upload(client, base)
    forget_the_answer()
    claim_as_another_process()
    before = counts()
    refused = upload(client, base)
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_conflict")
    assert int(refused["Retry-After"]) >= 1
    assert upload(client, base, "Other text.").json()["code"] == "idempotency_mismatch"
    assert counts() == before


def test_a_process_killed_between_effect_and_answer_holds_the_key_only_until_its_lease_ends(
    client: Client, base: KnowledgeBase
) -> None:
    document = upload(client, base).json()["document"]
    forget_the_answer()
    claim_as_another_process()
    IdempotencyRecord.objects.update(lease_until=Now() - timedelta(seconds=1))
    retried = upload(client, base)
    assert (retried.status_code, retried.json()["outcome"]) == (200, "unchanged")
    assert retried.json()["document"] == document
    assert counts() == (1, 1, 1)
    assert upload(client, base)["Idempotency-Replayed"] == "true"


@pytest.mark.django_db(transaction=True)
def test_fifty_parallel_requests_with_one_key_take_effect_once(base: KnowledgeBase) -> None:
    headers = make.headers(base.tenant)
    answers = make.in_parallel(50, lambda: upload(Client(headers=headers), base))
    assert Counter(answer.status_code for answer in answers).keys() <= {202, 409}
    done = [answer for answer in answers if answer.status_code == 202]
    assert len({answer.content for answer in done}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in done) == 1
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"idempotency_conflict"}
    assert counts() == (1, 1, 1)
    assert upload(Client(headers=headers), base).content == done[0].content


def test_after_a_day_the_key_is_free(client: Client, base: KnowledgeBase) -> None:
    upload(client, base)
    IdempotencyRecord.objects.update(created_at=F("created_at") - LIFETIME)
    fresh = upload(client, base, "Other text.")
    assert fresh.status_code == 202
    assert "Idempotency-Replayed" not in fresh
    assert counts() == (2, 2, 2)


def test_the_purge_removes_what_is_past_its_time_and_held_by_nobody(client: Client, base: KnowledgeBase) -> None:
    for key in ("old", "held", "new"):
        upload(client, base, key=key)
    old = IdempotencyRecord.objects.exclude(key="new")
    old.update(created_at=F("created_at") - LIFETIME)
    IdempotencyRecord.objects.filter(key="held").update(lease_until=Now() + timedelta(minutes=1))
    assert not idempotency_purge(turns.long())
    assert set(IdempotencyRecord.objects.values_list("key", flat=True)) == {"held", "new"}
    IdempotencyRecord.objects.update(lease_until=None)
    assert not idempotency_purge(turns.long())
    assert set(IdempotencyRecord.objects.values_list("key", flat=True)) == {"new"}


def test_trouble_of_the_server_is_not_kept(
    client: Client, base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fails)
    assert upload(client, base).status_code == 507
    monkeypatch.undo()
    accepted = upload(client, base)
    assert accepted.status_code == 202
    assert "Idempotency-Replayed" not in accepted
    assert counts() == (1, 1, 1)


def test_an_unknown_error_frees_the_key(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make.client(base.tenant, raise_request_exception=False)

    def breaks(**_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("apps.documents.api.knowledge_bases.knowledge_base_create", breaks)
    assert create(client).status_code == 500
    monkeypatch.undo()
    assert create(client).status_code == 201


def test_a_knowledge_base_is_made_once(client: Client) -> None:
    first, again = create(client), create(client)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert KnowledgeBase.objects.filter(name="Handbooks").count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_only_uses_the_database_commits_with_its_answer_or_not_at_all(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill before the answer is kept leaves no knowledge base behind, so the retry makes it."""
    client = make.client(base.tenant, raise_request_exception=False)

    def dies(*_: Any) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("ragsite.gateway.idempotency._keep", dies)
    with pytest.raises(KeyboardInterrupt):
        create(client)
    assert not KnowledgeBase.objects.filter(name="Handbooks").exists()
    monkeypatch.undo()
    assert create(client).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "two words", "x" * 256, "ключ", "tab\tbed", "caf\xe9"])
def test_what_cannot_be_a_key_is_refused(client: Client, base: KnowledgeBase, key: str) -> None:
    refused = upload(client, base, key=key)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_idempotency_key")
    assert counts() == (0, 0, 0)


@pytest.mark.parametrize("key", ["k", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "~!@#$%^&*()"])
def test_any_visible_ascii_is_a_key(client: Client, base: KnowledgeBase, key: str) -> None:
    assert upload(client, base, key=key).status_code == 202


CHANGING = ("post", "put", "patch")
WITHOUT_A_KEY = {
    ("post", "/api/v1/search"): "reads, and leaves nothing",
    ("post", "/v1/embeddings"): "computes, and leaves nothing",
    ("post", "/api/v1/answers/{answer_id}/cancel"): "ends what is under way: a repeat finds it ended",
    ("post", "/api/v1/tokens/"): "no answer with a token in it is kept anywhere: a repeat is another pair",
    ("post", "/api/v1/tokens/refresh/"): "the same; and who shows a refresh token twice ends its family",
    ("post", "/api/v1/tokens/revoke/"): "twice is once",
}
"""Operations that do not heed the key, and why. `/mcp` has a protocol of its own, whose tools change nothing but for answers."""


def changing_routes() -> Iterator[tuple[str, str]]:
    """Each route of Django REST framework's that takes POST, PUT or PATCH, with the method."""
    for pattern in resources.urls:
        for method, action in pattern.callback.actions.items():
            if method in CHANGING:
                assert action
                route = "/api/v1/" + re.sub(r"<uuid:\w+>", "01890000-0000-7000-8000-000000000000", str(pattern.pattern))
                yield method, route
    yield "put", "/api/v1/answers/01890000-0000-7000-8000-000000000000/feedback"
    for of in ("settings/search.seconds", "flags/rewriting"):
        yield "put", f"/api/v1/{of}/"
        yield "post", f"/api/v1/{of}/put-back/"


def changing_operations() -> Iterator[tuple[str, str, Any]]:
    """Each operation of django-ninja's that takes one of these, with what runs it."""
    for api, root in ((queries, "/api/v1"), (openai_shaped, "/v1")):
        for prefix, router in api._routers:
            for path, view in router.path_operations.items():
                for operation in view.operations:
                    for method in operation.methods:
                        if method.lower() in CHANGING:
                            yield method.lower(), f"{root}{prefix}{path}", operation.view_func


@pytest.mark.parametrize(("method", "url"), sorted(changing_routes()))
def test_every_change_of_the_resources_heeds_the_key(client: Client, method: str, url: str) -> None:
    assert get_resolver().resolve(url)
    refused = getattr(client, method)(url, headers={"Idempotency-Key": "two words"})
    assert refused.json()["code"] == "invalid_idempotency_key"


def test_every_operation_heeds_the_key_or_says_why_not() -> None:
    found = {
        (method, path): getattr(function, "heeds_the_key", False) for method, path, function in changing_operations()
    }
    assert {one for one, heeds in found.items() if not heeds} == WITHOUT_A_KEY.keys()
    assert {one for one, heeds in found.items() if heeds} == {
        ("post", "/api/v1/ask"), ("post", "/v1/chat/completions"), ("post", "/v1/responses"),
    }  # fmt: skip


def test_reading_under_a_key_is_just_reading(client: Client, base: KnowledgeBase) -> None:
    document = upload(client, base).json()["document"]
    url = f"{DOCUMENTS}{document}/versions/"
    assert client.get(url, headers={"Idempotency-Key": "once"}).json()["count"] == 1
    assert IdempotencyRecord.objects.count() == 1


def test_the_schema_names_the_header_where_it_is_heeded(client: Client) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    told = {
        (path, method)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", []))
    }
    assert (f"{DOCUMENTS}{{id}}/versions/", "post") in told
    assert {method for _, method in told} == set(CHANGING)
    assert ("/api/v1/ask", "post") in told
    assert len(told) == len(list(changing_routes())) + 1
