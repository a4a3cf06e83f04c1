"""Who did what is told in sentences, to those who look after a tenant, and names nothing that they may not read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import format_html, strip_tags

from apps.documents.lifecycle.versions import document_rollback
from apps.documents.models import Document, KnowledgeBase
from apps.documents.services.documents import document_delete
from apps.monitoring.operations.act_rows import ActFilters
from apps.monitoring.operations.act_sentences import SENTENCES
from apps.monitoring.operations.activity import filters_of
from apps.monitoring.operations.acts import KINDS, Act, merged
from ragsite.core.actors import Actor, Door
from ragsite.core.audit.models import AuditEntry, Outcome
from ragsite.core.audit.recording import Act as AuditAct
from ragsite.core.audit.recording import AuditObject, act_record
from ragsite.core.environment import PROJECT_DIR
from ragsite.core.events import events
from ragsite.gateway.keys import api_key_create
from ragsite.gateway.models import Membership, Permission, Role
from tests import factories as make
from tests.acting import ACTOR

PAGE = "/admin/activity/"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def sentences(page: Any) -> list[str]:
    return [" ".join(strip_tags(f"{act.sentence}, {act.door}").split()) for act in page.context["acts"]]


def told(client: Client, query: str = "") -> list[str]:
    return sentences(client.get(PAGE + query))


def deleted_by(username: str, document: Document) -> None:
    ada = User.objects.create_user(username)
    document_delete(document=document, actor=Actor.of_user(ada, door=Door.ADMIN))


@pytest.mark.django_db
def test_acts_are_sentences_with_who_what_and_by_which_door(admin_client: Client) -> None:
    base = make.knowledge_base(name="Legal")
    document = make.upload(base, filename="contract.md", content="A contract.").version.document
    deleted_by("ada", document)
    assert told(admin_client)[0] == "ada deleted the document contract.md in Legal, in the admin"
    assert any(one.endswith("added the document contract.md to Legal, by a command") for one in told(admin_client))
    assert told(admin_client, "?person=ada") == told(admin_client)[:1]
    assert told(admin_client, f"?object={document.pk}") == told(admin_client)[:2]
    assert len(told(admin_client, f"?knowledge_base={base.pk}")) == 3
    assert told(admin_client, "?kind=accounts") == []
    assert told(admin_client, f"?last={NOON:%Y-%m-%d}") == []
    assert len(told(admin_client, f"?since={NOON:%Y-%m-%d}")) == len(told(admin_client))
    assert "reaches back to" in admin_client.get(PAGE).content.decode()


@pytest.mark.django_db
def test_it_goes_on_page_by_page_and_tells_of_one_request_alone(admin_client: Client) -> None:
    tenant_id = make.tenant().pk
    ada = Actor.of_user(User.objects.create_user("ada"), door=Door.API)
    for number in range(60):
        act_record(AuditAct("change.made", AuditObject(tenant_id=tenant_id), {"what": number}), actor=ada)
    act_record(AuditAct("change.made", AuditObject(), {"what": "x"}), actor=replace(ada, request_id="r-1"))
    first = admin_client.get(f"{PAGE}?person=ada")
    assert (len(first.context["acts"]), len(told(admin_client, f"?person=ada&before={first.context['older']}"))) == (
        50,
        11,
    )
    assert told(admin_client, "?request=r-1") == ["ada change.made: x, over the API"]


@pytest.mark.django_db
def test_passages_that_were_shown_are_told_with_their_places(admin_client: Client) -> None:
    base = make.knowledge_base()
    version = make.ready_version(base, "High water is at noon.")
    key, client = make.keyed(base.tenant, Permission.QUERY)
    client.post("/api/v1/search", {"query": "high water"}, content_type="application/json")
    page = admin_client.get(f"{PAGE}?kind=shown")
    assert sentences(page) == [f"The API key {key.name} was shown 1 passage, over the API"]
    assert reverse("admin:documents_documentversion_change", args=[version.pk]) in page.content.decode()


@pytest.mark.django_db
def test_a_form_is_told_in_the_log_of_the_rows_tenant_and_of_an_account_in_its_tenants(admin_client: Client) -> None:
    tenant = make.tenant()
    bob = make.member(tenant, name="bob")
    member = Membership.objects.get(user=bob)
    url = reverse("admin:gateway_membership_change", args=[member.pk])
    assert admin_client.post(url, {"user": bob.pk, "tenant": tenant.pk, "role": Role.OWNER}).status_code == 302
    assert admin_client.post(reverse("admin:auth_user_delete", args=[bob.pk]), {"post": "yes"}).status_code == 302
    found = AuditEntry.objects.filter(tenant_id=tenant.pk, action__startswith="form.").order_by("id")
    assert [(one.action, one.object_type, one.actor_name) for one in found] == [
        ("form.changed", "membership", "admin"), ("form.deleted", "user", "admin"),
    ]  # fmt: skip
    assert found[0].details == {"message": [{"changed": {"fields": ["Role"]}}]}
    assert told(admin_client, "?kind=forms")[0] == "admin deleted the user bob, in the admin"


@pytest.mark.django_db
def test_an_owner_sees_the_own_tenants_acts_without_the_names_of_what_the_owner_may_not_read(
    visitor: Callable[..., Client],
) -> None:
    base, other = make.knowledge_base(), make.knowledge_base()
    make.upload(base, filename="open.md")
    make.upload(base, filename="secret.md", restricted=True)
    make.upload(other, filename="others.md")
    for row in (base, other):
        who = Actor.of_user(User.objects.create_user(f"of {row}"), door=Door.ADMIN)
        api_key_create(tenant=row.tenant, name=f"key of {row}", permissions=[], actor=who)
    found = " ".join(told(visitor(base.tenant, Role.OWNER)))
    assert "open.md" in found
    assert "added a document to" in found
    assert f"key of {base}" in found
    for hidden in ("secret.md", "others.md", f"key of {other}"):
        assert hidden not in found
    assert visitor(base.tenant, Role.EDITOR).get(PAGE).status_code == 403


@pytest.mark.django_db
def test_without_acts_it_says_what_would_be_told(admin_client: Client) -> None:
    text = admin_client.get(PAGE).content.decode()
    assert "Nothing was done yet." in text
    assert "The log is empty." in text
    assert "It was never verified" in text
    audit = AuditObject("audit_log")
    act_record(AuditAct("audit.verified", audit, {"findings": 2}, Outcome.FAILURE), actor=ACTOR)
    assert "something was wrong" in admin_client.get(PAGE).content.decode()


@pytest.mark.django_db
def test_a_documents_history_tells_of_uploads_and_roll_backs(
    admin_client: Client, visitor: Callable[..., Client]
) -> None:
    base = make.knowledge_base()
    first = make.ready_version(base, "High water is at noon.", filename="tides.md")
    make.upload(base, "High water is at one.", filename="tides.md", document=first.document)
    make.run_stages()
    document_rollback(document=first.document, version=first, actor=ACTOR)
    url = reverse("admin:documents_document_history", args=[first.document_id])
    page = admin_client.get(url)
    found = sentences(page)
    assert [bool(re.search(f"uploaded version {number}: tides.md", " ".join(found))) for number in (1, 2)] == [
        True,
        True,
    ]
    assert "made version 1 of the document tides.md the one that answers" in found[0]
    assert "probably wasn" not in page.content.decode()
    of_version = reverse("admin:documents_documentversion_history", args=[first.pk])
    assert admin_client.get(of_version)["Location"] == url
    assert visitor(base.tenant).get(url).status_code == 200
    Document.objects.update(restricted=True)
    assert visitor(base.tenant).get(url).status_code == 404
    assert visitor(make.tenant()).get(url).status_code == 404


@pytest.mark.django_db
def test_a_knowledge_bases_history_tells_of_changes_and_grants(admin_client: Client) -> None:
    base = make.knowledge_base(name="Legal")
    make.grant(base, make.member(base.tenant, name="bob"))
    page = admin_client.get(reverse("admin:documents_knowledgebase_history", args=[base.pk]))
    assert any("let bob read Legal" in one for one in sentences(page))
    KnowledgeBase.objects.update(deleted_at=NOON)
    assert admin_client.get(reverse("admin:documents_knowledgebase_history", args=[base.pk])).status_code == 404


@pytest.mark.django_db
def test_it_takes_as_many_queries_for_many_acts_as_for_one(admin_client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(PAGE).status_code == 200
        return len(captured)

    base = make.knowledge_base()
    deleted_by("ada", make.upload(base).version.document)
    make.upload(base)
    admin_client.get(PAGE)
    few = queries()
    for _ in range(3):
        make.upload(base)
    assert queries() == few


def act(at: datetime, object_id: str, user_id: str = "1", text: str = "x") -> Act:
    return Act(at, format_html("{}", text), "in the admin", "bolt", object_id, user_id)


def test_a_form_that_an_event_tells_of_is_told_once() -> None:
    event = act(NOON, "a", text="event")
    same, later, others = (
        act(NOON + timedelta(seconds=1), "a"),
        act(NOON + timedelta(minutes=1), "a"),
        act(NOON, "a", "2"),
    )
    assert merged([event], [later, same, others]) == [later, event, others]
    again = act(NOON + timedelta(minutes=5), "a", text="again")
    assert merged([again, event], [same]) == [again, event]


def test_every_act_that_the_code_names_has_a_sentence() -> None:
    sources = (path.read_text() for app in ("apps", "ragsite") for path in (PROJECT_DIR / app).rglob("*.py"))
    named = re.compile(r'(?:\baction=|\bAct\(\s*)"([a-z_]+\.[a-z_]+)"|"(account\.[a-z_]+)"')
    found = {one or other for source in sources for one, other in named.findall(source)}
    of_events = {cls.type for cls in events() if cls.is_act}
    assert len(found) > 40
    assert found | of_events <= SENTENCES.keys()


def test_every_kind_of_act_has_a_sentence() -> None:
    assert {type_ for _, types in KINDS.values() for type_ in types} == SENTENCES.keys()


def test_an_address_that_makes_no_sense_asks_for_everything() -> None:
    asked = {
        "kind": "x",
        "person": "\0",
        "knowledge_base": "x",
        "since": "2026-99-99",
        "last": "yesterday",
        "before": "x",
    }
    assert filters_of(asked) == ActFilters()
