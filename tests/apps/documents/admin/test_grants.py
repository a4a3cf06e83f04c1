"""Who may read what, said in the admin; and what staff of other tenants see of it: nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from apps.documents.models import Document, Grant, KnowledgeBase
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.models.gateway import Deadline
from apps.monitoring.webhooks.services import webhook_create, webhook_try
from apps.retrieval.answers.feedback import answer_rate
from apps.retrieval.evaluation.sets import NewJudgement, evaluation_set_create, question_add
from apps.retrieval.models import Conversation, Query, Rating
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from ragsite.core.admin.base import row_url
from ragsite.core.models import OutboxEvent
from ragsite.gateway.admin.rows import TenantRowsMixin
from ragsite.gateway.models import Membership
from tests import factories
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import started
from tests.apps.retrieval.reindexing.rebuilding import started as reindex_started
from tests.apps.retrieval.reindexing.test_reindexing import SMALL

CONFIRMED = {"_form_submitted": "True"}
OF_NO_TENANT = {"ScheduledJob", "User", "Group", "Model", "ModelVersion", "ModelTask", "ModelCache"}


def page(row: Model, name: str) -> str:
    return row_url(row).replace("/change/", f"/{name}/")


@pytest.mark.parametrize("whom", ["user", "group", "api_key"])
@pytest.mark.parametrize("on_document", [False, True])
def test_a_grant_is_given_by_a_dialog_and_shown_on_the_page(
    admin_client: Client, knowledge_base: KnowledgeBase, whom: str, on_document: bool
) -> None:
    row: Any = factories.upload(knowledge_base).version.document if on_document else knowledge_base
    _, subject = factories.asking(knowledge_base.tenant, whom)
    assert str(subject) in admin_client.get(page(row, "give_grant")).content.decode()
    done = admin_client.post(page(row, "give_grant"), CONFIRMED | {whom: subject.pk})
    assert done["HX-Redirect"] == row_url(row)
    grant = Grant.objects.get()
    assert (getattr(grant, whom), grant.granted_by, grant.document or grant.knowledge_base) == (
        subject, "admin, admin", row,
    )  # fmt: skip
    shown = admin_client.get(
        row_url(row) if on_document else f"/admin/knowledge-bases/{row.pk}/access/"
    ).content.decode()
    assert str(subject) in shown
    assert "Take back" in shown


def test_a_grant_is_revoked_and_reported(admin_client: Client, knowledge_base: KnowledgeBase) -> None:
    grant = factories.grant(knowledge_base, factories.keyed(knowledge_base.tenant)[0])
    admin_client.post(f"/admin/documents/grant/{grant.pk}/delete/", {"post": "yes"})
    assert not Grant.objects.exists()
    assert OutboxEvent.objects.get(type="grant.deleted").actor["name"] == "admin"


@pytest.mark.parametrize("chosen", [[], ["user", "api_key"]])
def test_a_grant_needs_exactly_one_subject(
    admin_client: Client, knowledge_base: KnowledgeBase, chosen: list[str]
) -> None:
    form = {how: factories.asking(knowledge_base.tenant, how)[1].pk for how in chosen}
    response = admin_client.post(page(knowledge_base, "give_grant"), CONFIRMED | form)
    assert "Choose one: a user, a group or an API key." in response.content.decode()
    assert not Grant.objects.exists()


def test_nobody_of_another_tenant_is_offered(admin_client: Client, knowledge_base: KnowledgeBase) -> None:
    strangers = [factories.asking(factories.tenant(), how)[1] for how in ("user", "group", "api_key")]
    offered = admin_client.get(page(knowledge_base, "give_grant")).content.decode()
    assert [str(one) for one in strangers if f">{one}<" in offered] == []


def test_a_document_is_restricted_and_opened_again(admin_client: Client, knowledge_base: KnowledgeBase) -> None:
    document = factories.upload(knowledge_base).version.document
    for name, restricted, words in (
        ("restrict", True, "Only by a grant on it"),
        ("lift_restriction", False, "Everybody of the tenant"),
    ):
        admin_client.post(page(document, name), CONFIRMED)
        assert Document.objects.get().restricted is restricted
        assert words in admin_client.get(row_url(document)).content.decode()


def test_the_access_tab_restricts_a_knowledge_base(admin_client: Client, knowledge_base: KnowledgeBase) -> None:
    access = f"/admin/knowledge-bases/{knowledge_base.pk}/access/"
    assert admin_client.post(access, {"do": "visibility", "visibility": "restricted"}).status_code == 302
    assert KnowledgeBase.objects.get().visibility == "restricted"


def test_staff_without_the_permission_say_nothing_about_rights(
    staff_client: Callable[..., Client], knowledge_base: KnowledgeBase
) -> None:
    document = factories.upload(knowledge_base).version.document
    client = staff_client("change_knowledgebase", "view_document", "view_grant")
    for row, name in ((knowledge_base, "give_grant"), (document, "give_grant"), (document, "restrict")):
        assert client.post(page(row, name), CONFIRMED).status_code == 403
    workspace = f"/admin/knowledge-bases/{knowledge_base.pk}"
    assert client.post(f"{workspace}/access/", {"do": "visibility", "visibility": "restricted"}).status_code == 403
    form = {"do": "save", "name": "Renamed", "description": "", "visibility": "restricted"}
    assert client.post(f"{workspace}/settings/", form).status_code == 302
    knowledge_base.refresh_from_db()
    assert (knowledge_base.name, knowledge_base.visibility) == ("Renamed", "tenant")


def staff_of(tenant: Any) -> Client:
    """Staff who may do everything, in one tenant."""
    user = factories.member(tenant, name="staff", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def theirs(db: None) -> Document:
    """A row of everything, in one tenant."""
    version = factories.ready_version()
    base = version.document.knowledge_base
    factories.grant(base, factories.keyed(base.tenant)[0])
    factories.grant(version.document, factories.member(base.tenant))
    scope = factories.scope(base)
    berths = SearchRequest("A berth costs 31 euros a night.")
    answer = ask(berths, scope=scope, actor=ACTOR, deadline=Deadline.after(60))
    answer_rate(answer=answer, rating=Rating.UP, actor=ACTOR)
    Conversation.objects.create(tenant=base.tenant, begun_by="somebody", title="Berths")
    made = evaluation_set_create(knowledge_base=base, name="Berths", actor=ACTOR)
    question_add(
        evaluation_set=made, text="How much?", relevant=[NewJudgement(document_id=version.document_id)], actor=ACTOR
    )
    started(made)
    reindex_started(base, chunking=SMALL)
    address, told = "https://example.org/hooks", ["document.deleted"]
    webhook_try(webhook=webhook_create(tenant=base.tenant, url=address, types=told, actor=ACTOR), actor=ACTOR)
    return version.document


REGISTERED = sorted(
    (model for model in admin.site._registry if model.__name__ not in OF_NO_TENANT), key=lambda model: model.__name__
)


def test_staff_see_the_rows_of_their_tenants_only(theirs: Document) -> None:
    knowledge_base_delete(knowledge_base=factories.knowledge_base(of=theirs.tenant), actor=ACTOR)
    mine = staff_of(theirs.tenant)
    for model in REGISTERED:
        assert isinstance(admin.site._registry[model], TenantRowsMixin), model
        assert model._default_manager.exists(), model
        assert mine.get(list_of(model)).context["cl"].result_list, model
    User.objects.filter(username="staff").delete()
    stranger = staff_of(factories.tenant("Elsewhere"))
    for model in REGISTERED:
        rows = stranger.get(list_of(model)).context["cl"].result_list
        assert not [row for row in rows if str(row) not in {"Elsewhere", "staff in Elsewhere"}], model
        found: Any = theirs.tenant if model.__name__ == "Tenant" else model._default_manager.order_by("pk").first()
        assert stranger.get(row_url(found)).status_code == 404, model


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def test_the_overview_and_the_choices_of_staff_are_those_of_their_tenants(theirs: Document) -> None:
    stranger = staff_of(factories.tenant("Elsewhere"))
    overview = stranger.get("/admin/")
    assert [figure["value"] for figure in overview.context["figures"]] == ["0"] * 3
    assert "A berth costs" not in overview.content.decode()
    for url in ("/admin/documents/knowledgebase/add/", "/admin/documents/document/"):
        assert theirs.tenant.name not in stranger.get(url).content.decode(), url
    ask = f"/admin/knowledge-bases/{theirs.knowledge_base_id}/ask/"
    assert stranger.get(ask).status_code == stranger.post(ask, {"question": "berths"}).status_code == 404
    made = {"tenant": theirs.tenant_id, "name": "Mine", "description": "", "visibility": "tenant"}
    assert stranger.post("/admin/documents/knowledgebase/add/", made).status_code == 200
    assert (KnowledgeBase.objects.count(), Query.objects.count()) == (1, 1)


def test_asking_in_the_admin_obeys_the_grants_of_the_user(theirs: Document) -> None:
    client = staff_of(theirs.tenant)
    ask, form = f"/admin/knowledge-bases/{theirs.knowledge_base_id}/ask/", {"question": "How many berths for guests?"}
    Document.objects.update(restricted=True)
    assert "42 berths" not in client.post(ask, form).content.decode()
    factories.grant(theirs, User.objects.get(username="staff"))
    assert "42 berths" in client.post(ask, form).content.decode()


def test_a_user_is_made_a_member_in_the_admin(admin_client: Client) -> None:
    user, tenant = User.objects.create_user("anna"), factories.tenant()
    form = {"user": user.pk, "tenant": tenant.pk, "role": "owner"}
    assert admin_client.post("/admin/gateway/membership/add/", form).status_code == 302
    assert Membership.objects.get().role == "owner"
