"""Webhooks over REST and in the admin: who manages them, and that both doors do the same."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.monitoring.models import Webhook, WebhookDelivery
from ragsite.core.audit.models import AuditEntry
from ragsite.gateway.models import Permission, Role, Tenant
from tests import factories as make
from tests.apps.monitoring.webhooks.receiving import Receiver

pytestmark = pytest.mark.django_db

API, ADMIN, DELIVERIES = "/api/v1/webhooks/", "/admin/monitoring/webhook/", "/admin/monitoring/webhookdelivery/"
CONFIRMED = {"_form_submitted": "True"}
NEW = {"url": "https://example.org/hooks", "types": ["document.deleted", "document.created"]}


def call(client: Client, method: str, url: str, body: Any = None, **headers: str) -> Any:
    return getattr(client, method)(url, body or {}, content_type="application/json", headers=headers)


def signed_in(tenant: Tenant, role: Role) -> Client:
    client = Client()
    client.force_login(make.member(tenant, role))
    return client


def actions() -> list[str]:
    rows = AuditEntry.objects.filter(action__startswith="webhook.").order_by("id")
    return [row.action.removeprefix("webhook.") for row in rows]


def test_a_webhook_is_made_looked_at_changed_and_deleted_and_the_audit_log_tells_it() -> None:
    client = make.client(make.tenant())
    made = call(client, "post", API, NEW | {"description": "booking"}, **{"Idempotency-Key": "1"})
    again = call(client, "post", API, NEW | {"description": "booking"}, **{"Idempotency-Key": "1"})
    assert (made.status_code, again.json()["id"]) == (201, made.json()["id"])
    assert "secret" not in made.json()
    assert made.json()["types"] == ["document.created", "document.deleted"]
    url = f"{API}{made.json()['id']}/"
    etag = client.get(url)["ETag"]
    changed = call(client, "patch", url, {"active": False}, **{"If-Match": etag})
    assert (changed.status_code, changed.json()["state"]) == (200, "off")
    assert call(client, "delete", url, **{"If-Match": etag}).status_code == 412
    secret = client.get(f"{url}secret/").json()["secret"]
    assert call(client, "post", f"{url}secret/").status_code == 204
    assert client.get(f"{url}secret/").json()["secret"] != secret
    assert call(client, "post", f"{url}test/").json()["code"] == "conflict"
    assert client.delete(url).status_code == 204
    assert actions() == ["created", "updated", "secret_shown", "secret_renewed", "secret_shown", "deleted"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"url": "http://10.0.0.7/"}, "url_forbidden"), ({"types": []}, "invalid_input"),
        ({"types": ["model.loaded"]}, "invalid_input"),
        ({"tenant": "x"}, "invalid_input"),
    ],
)  # fmt: skip
def test_what_is_no_webhook_is_refused(wrong: dict[str, Any], code: str) -> None:
    refused = call(make.client(make.tenant()), "post", API, NEW | wrong)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert not Webhook.objects.exists()


def test_only_a_key_that_manages_grants_of_the_whole_tenant_sees_webhooks_and_those_of_its_own_tenant() -> None:
    tenant = make.tenant()
    owner, editor = make.client(tenant), make.client(tenant, Permission.READ, Permission.WRITE, Permission.QUERY)
    pk = call(owner, "post", API, NEW).json()["id"]
    assert editor.get(API).status_code == call(editor, "post", API, NEW).status_code == 403
    stranger = make.client(make.tenant())
    assert stranger.get(API).json()["results"] == []
    for path in ("", "secret/", "deliveries/"):
        assert stranger.get(f"{API}{pk}/{path}").status_code == 404
    for path in ("test/", "redeliver/"):
        assert call(stranger, "post", f"{API}{pk}/{path}").status_code == 404
    assert Webhook.objects.get().state == "on"


def test_what_was_given_up_is_listed_and_sent_again_one_or_all(webhook: Webhook, receiver: Receiver) -> None:
    client, url = make.client(webhook.tenant), f"{API}{webhook.pk}/"
    first = call(client, "post", f"{url}test/")
    second = call(client, "post", f"{url}test/")
    assert (first.status_code, first.json()["state"]) == (202, "waiting")
    WebhookDelivery.objects.update(state="dead", error="It is away.")
    dead = client.get(f"{url}deliveries/", {"state": "dead", "limit": 5}).json()["results"]
    assert [one["id"] for one in dead] == [second.json()["id"], first.json()["id"]]
    again = call(client, "post", f"{url}deliveries/{first.json()['id']}/redeliver/")
    assert (again.status_code, again.json()["state"], again.json()["error"]) == (202, "waiting", "")
    assert call(client, "post", f"{url}redeliver/").json() == {"deliveries": 1}
    assert make.work_once("webhook-deliver")
    assert len(receiver.got) == 1


def test_an_owner_makes_tries_and_repeats_in_the_admin(receiver: Receiver) -> None:
    tenant = make.tenant()
    owner = signed_in(tenant, Role.OWNER)
    form = {"tenant": tenant.pk, "url": receiver.url, "description": "booking", "types": ["document.created"]}
    owner.post(f"{ADMIN}add/", form)
    webhook = Webhook.objects.get()
    page = owner.get(f"{ADMIN}{webhook.pk}/change/")
    assert page.status_code == 200
    assert "whsec_" not in page.content.decode()
    owner.post(f"{ADMIN}{webhook.pk}/show_secret/", CONFIRMED)
    assert "whsec_" in owner.get(f"{ADMIN}{webhook.pk}/change/").content.decode()
    done = owner.post(f"{ADMIN}{webhook.pk}/try_it/", CONFIRMED)
    row = WebhookDelivery.objects.get()
    assert done["HX-Redirect"] == f"{DELIVERIES}{row.pk}/change/"
    WebhookDelivery.objects.update(state="dead", error="The receiver answered with the status 500.")
    listed = owner.get(DELIVERIES)
    assert "status 500" in listed.content.decode()
    owner.post(f"{DELIVERIES}{row.pk}/send_again/", CONFIRMED)
    row.refresh_from_db()
    assert row.state == "waiting"
    owner.post(f"{ADMIN}{webhook.pk}/turn_off/", CONFIRMED)
    webhook.refresh_from_db()
    assert webhook.state == "off"
    owner.post(f"{ADMIN}{webhook.pk}/turn_on/", CONFIRMED)
    owner.post(f"{ADMIN}{webhook.pk}/change/", form | {"description": "other"})
    webhook.refresh_from_db()
    assert (webhook.state, webhook.description) == ("on", "other")
    owner.post(f"{ADMIN}{webhook.pk}/delete/", {"post": "yes"})
    assert not Webhook.objects.exists()
    assert actions() == [
        "created", "secret_shown", "tried", "sent_again", "updated", "updated", "updated", "deleted",
    ]  # fmt: skip


@pytest.mark.parametrize("role", [Role.READER, Role.EDITOR, Role.OPERATOR])
def test_nobody_but_an_owner_of_the_tenant_sees_its_webhooks(webhook: Webhook, role: Role) -> None:
    row = WebhookDelivery.objects.create(webhook=webhook, event_id=webhook.pk, type="document.deleted", body="{}")
    for client in (signed_in(webhook.tenant, role), signed_in(make.tenant(), Role.OWNER)):
        for url in (f"{ADMIN}{webhook.pk}/change/", f"{DELIVERIES}{row.pk}/change/"):
            assert client.get(url).status_code in (403, 404)
        for url in (
            f"{ADMIN}{webhook.pk}/show_secret/",
            f"{ADMIN}{webhook.pk}/try_it/",
            f"{DELIVERIES}{row.pk}/send_again/",
        ):
            assert client.post(url, CONFIRMED).status_code in (403, 404)
    assert actions() == ["created"]
