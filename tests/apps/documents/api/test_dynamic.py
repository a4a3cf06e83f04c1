"""Settings and flags over HTTP: whose they are to change, If-Match, repeats, history and back."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from ragsite.core.dynamic.models import SettingChange
from ragsite.core.dynamic.places import Place
from ragsite.gateway.models import Permission
from tests import factories as make

pytestmark = pytest.mark.django_db

SETTINGS, FLAGS = "/api/v1/settings/", "/api/v1/flags/"
SECONDS, REWRITING = f"{SETTINGS}search.seconds/", f"{FLAGS}rewriting/"
OF_ALL = "?level=installation"


@pytest.fixture
def owner() -> Client:
    return make.client(make.tenant(), Permission.READ, Permission.GRANTS)


@pytest.fixture
def operator() -> Client:
    return make.client(make.tenant(), Permission.SETTINGS)


def put(client: Client, url: str, body: dict[str, Any], **headers: str) -> Any:
    return client.put(url, body, content_type="application/json", headers=headers)


def test_an_owner_changes_what_holds_in_the_tenant_and_an_operator_what_holds_for_all(
    owner: Client, operator: Client
) -> None:
    assert put(operator, SECONDS + OF_ALL, {"value": 50}).status_code == 200
    told = put(owner, SECONDS, {"value": 20.5}).json()
    assert (told["value"], told["source"], told["set_here"], told["level"]) == (20.5, "tenant", 20.5, "tenant")
    assert (told["type"], told["above"], told["most"], told["narrows"]) == ("number", 0, 600, True)
    assert owner.delete(SECONDS).status_code == 204
    told = owner.get(SECONDS).json()
    assert (told["value"], told["source"], told["set_here"]) == (50, "installation", None)
    listed = {one["name"]: one for one in owner.get(SETTINGS).json()["settings"]}
    assert listed["search.seconds"] == told
    assert not listed["sign_in.tries"]["can_be_set"]


@pytest.mark.parametrize("method", ["get", "put", "delete"])
@pytest.mark.parametrize("url", [SECONDS, REWRITING])
def test_neither_changes_what_is_the_others(owner: Client, operator: Client, url: str, method: str) -> None:
    body = {} if method == "get" else {"data": {"value": 1, "on": True}, "content_type": "application/json"}
    for client, at in ((owner, OF_ALL), (operator, "")):
        response = getattr(client, method)(url + at, **body)
        assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
    assert not SettingChange.objects.exists()


def test_a_knowledge_base_is_set_by_its_id_and_that_of_another_tenant_is_not_there(owner: Client) -> None:
    tenant = make.tenant()
    client, base = make.client(tenant, Permission.GRANTS, Permission.READ), make.knowledge_base(of=tenant)
    url = f"{SETTINGS}documents.ocr/?knowledge_base={base.pk}"
    assert put(client, url, {"value": True}).json()["source"] == "knowledge_base"
    assert [row.place for row in SettingChange.objects.all()] == [Place.of_base(base)]
    for stranger in (put(owner, url, {"value": False}), owner.get(url), owner.delete(url)):
        assert (stranger.status_code, stranger.json()["code"]) == (404, "not_found")
    nobodys = owner.get(f"{SETTINGS}documents.ocr/?knowledge_base={uuid.uuid4()}")
    assert nobodys.status_code == 404


def test_a_key_for_named_knowledge_bases_does_not_change_the_tenant() -> None:
    tenant = make.tenant()
    base = make.knowledge_base(of=tenant)
    key, client = make.keyed(tenant, Permission.READ, Permission.GRANTS)
    key.knowledge_base_ids = [base.pk]
    key.save()
    assert put(client, SECONDS, {"value": 1}).status_code == 403
    assert put(client, f"{SECONDS}?knowledge_base={base.pk}", {"value": 1}).status_code == 200


@pytest.mark.parametrize(
    ("url", "body", "code"),
    [
        (SECONDS, {"value": 0}, "invalid_setting"),
        (SECONDS, {"value": 10_000}, "invalid_setting"),
        (SECONDS, {}, "invalid_input"),
        (SECONDS, {"valu": 3}, "invalid_input"),
        (f"{SECONDS}?level=galaxy", {"value": 3}, "invalid_input"),
        (f"{SECONDS}?knowledge_base=7", {"value": 3}, "invalid_input"),
        (f"{SECONDS}?levl=tenant", {"value": 3}, "invalid_input"),
        (f"{SETTINGS}sign_in.tries/", {"value": 3}, "invalid_setting"),
        (f"{SETTINGS}secret_key/", {"value": "x"}, "not_found"),
        (f"{SETTINGS}rewriting/", {"value": {"on": True}}, "not_found"),
        (f"{FLAGS}search.seconds/", {"on": True}, "not_found"),
        (REWRITING, {"on": "yes"}, "invalid_input"),
        (REWRITING, {"on": False, "percent": 101}, "invalid_input"),
    ],
)
def test_what_cant_be_set_is_refused(owner: Client, url: str, body: dict[str, Any], code: str) -> None:
    response = put(owner, url, body)
    assert (response.json()["code"], response.status_code) == (code, 404 if code == "not_found" else 422)
    assert not SettingChange.objects.exists()


def test_a_change_is_made_only_to_what_the_caller_has_seen(owner: Client) -> None:
    empty = owner.get(SECONDS)["ETag"]
    first = put(owner, SECONDS, {"value": 5}, if_match=empty)
    assert (first.status_code, owner.get(SECONDS)["ETag"]) == (200, first["ETag"])
    for late in (
        put(owner, SECONDS, {"value": 6}, if_match=empty),
        put(owner, SECONDS, {"value": 6}, if_none_match="*"),
        owner.delete(SECONDS, headers={"if_match": empty}),
    ):
        assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert owner.get(SECONDS).json()["value"] == 5
    assert owner.delete(SECONDS, headers={"if_match": first["ETag"]}).status_code == 204
    assert put(owner, SECONDS, {"value": 6}, if_none_match="*").status_code == 200


def test_a_repeat_under_its_key_changes_nothing_and_every_change_is_in_the_history(owner: Client) -> None:
    for _ in range(2):
        assert put(owner, REWRITING, {"on": False, "percent": 10}, idempotency_key="k1").status_code == 200
    assert put(owner, REWRITING, {"on": True}).json()["rule"] == {"on": True, "percent": 0, "people": []}
    newest, oldest = owner.get(f"{REWRITING}history/").json()["changes"]
    assert newest["before"] == oldest["value"] == {"on": False, "percent": 10, "people": []}
    assert (oldest["before"], newest["by"].startswith("key ")) == (None, True)
    back = owner.post(f"{REWRITING}put-back/", {"change": newest["id"]}, content_type="application/json")
    assert (back.status_code, back.json()["rule"]["percent"]) == (200, 10)
    flag = owner.get(FLAGS).json()["flags"][0]
    assert (flag["name"], flag["owner"], flag["source"]) == ("rewriting", "retrieval", "tenant")
    elsewhere = make.client(make.tenant(), Permission.GRANTS)
    foreign = elsewhere.post(f"{REWRITING}put-back/", {"change": newest["id"]}, content_type="application/json")
    assert foreign.status_code == 404
    assert elsewhere.get(f"{REWRITING}history/").json() == {"changes": []}
