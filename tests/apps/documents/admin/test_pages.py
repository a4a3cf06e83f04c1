"""Every page of the admin, whichever app it belongs to."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.documents.models import Document, DocumentVersion
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.models.gateway import Deadline
from apps.models.models import ModelCache, ModelTask, ModelVersion
from apps.monitoring.navigation import DAILY, LOOKED_INTO
from apps.monitoring.webhooks.services import webhook_create, webhook_try
from apps.retrieval.answers.feedback import answer_rate
from apps.retrieval.models import Conversation, Rating
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from ragsite.core.environment import PROJECT_DIR
from ragsite.core.models import OutboxEvent, ScheduledJob
from tests import factories
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import asked, library, started
from tests.apps.retrieval.reindexing.rebuilding import started as reindex_started
from tests.apps.retrieval.reindexing.test_reindexing import SMALL

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)
OUTSIDE = re.compile(r"""(?:src|href|action)=["']?(?:https?:)?//""")
FROM_ANOTHER = {"retrieval.answer", "retrieval.citation", "retrieval.evaluationquestion", "retrieval.reindex"}
"""Pages that are reached from another one, and not from the sidebar."""
SHOWN_ELSEWHERE = {"documents.knowledgebase", "retrieval.answerfeedback"}
"""Rows that the page of another one shows; theirs leads there."""
GROWING = [model for model in REGISTERED if model not in {User, Group}]


def fill() -> None:
    """One more row of every registered model."""
    version = factories.ready_version()
    knowledge_base = version.document.knowledge_base
    key, _ = factories.keyed(knowledge_base.tenant)
    factories.grant(knowledge_base, key)
    factories.grant(version.document, factories.member(knowledge_base.tenant))
    Group.objects.create(name=f"Editors of {knowledge_base}")
    answer = ask(
        SearchRequest("A berth costs 31 euros a night, electricity included."),
        scope=factories.scope(knowledge_base),
        actor=ACTOR,
        deadline=Deadline.after(60),
    )
    assert answer.citations.exists()
    answer_rate(answer=answer, rating=Rating.UP, actor=ACTOR)
    Conversation.objects.create(tenant=knowledge_base.tenant, begun_by="somebody", title="Berths")
    started(asked(library()))
    reindex_started(knowledge_base, chunking=SMALL)
    knowledge_base_delete(knowledge_base=factories.knowledge_base(of=knowledge_base.tenant), actor=ACTOR)
    ModelTask.objects.create(kind="pull", name="acme/tiny", source="acme/tiny", revision=f"{ModelTask.objects.count()}")
    ModelCache.objects.create(
        worker=f"models{ModelCache.objects.count()}", version=ModelVersion.objects.all()[0], device="cpu", bytes=1,
        loaded_at=timezone.now(), last_used_at=timezone.now(), told_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    address, told = "https://example.org/hooks", ["document.deleted"]
    webhook_try(webhook=webhook_create(tenant=knowledge_base.tenant, url=address, types=told, actor=ACTOR), actor=ACTOR)
    ScheduledJob.objects.create(name=f"job {ScheduledJob.objects.count()}", error="The disk is full.")


@pytest.fixture
def filled(admin_client: Client) -> Client:
    """A client, and at least one row of every registered model."""
    fill()
    return admin_client


def list_url(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_names(model: type[Model]) -> str:
    return model._meta.label


def test_list_and_row_pages_open_and_load_nothing_from_outside(filled: Client) -> None:
    for model in REGISTERED:
        row = model._default_manager.first()
        assert row is not None, model
        change = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
        for url in (list_url(model), f"{list_url(model)}?q=harbour", change):
            leads_on = url == change and model._meta.label_lower in SHOWN_ELSEWHERE
            response = filled.get(url, follow=leads_on)
            assert response.status_code == 200, url
            assert not OUTSIDE.search(response.content.decode()), url


def test_every_page_is_in_the_sidebar() -> None:
    listed = [label for entry in (*DAILY, *LOOKED_INTO) for label in entry.models]
    assert sorted([*listed, *FROM_ANOTHER]) == sorted(model._meta.label_lower for model in REGISTERED)


def test_every_module_of_the_admin_is_imported_by_its_package() -> None:
    """In a process of its own: here another test may have imported it."""
    program = "import django, sys; django.setup(); import ragsite.urls; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    paths = [
        path.relative_to(PROJECT_DIR) for place in ("apps", "ragsite") for path in (PROJECT_DIR / place).rglob("*.py")
    ]
    named = [path.with_suffix("").parts for path in paths]
    modules = {".".join(parts).removesuffix(".__init__") for parts in named if "admin" in parts}
    assert len(modules) > 20
    assert modules - set(done.stdout.split()) == set()


@pytest.mark.parametrize("model", REGISTERED, ids=page_names)
def test_an_add_page_opens_where_people_may_add_and_is_refused_elsewhere(
    admin_client: Client, model: type[Model]
) -> None:
    response = admin_client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add"))
    may_add = model in {User, Group} or model._meta.label in {
        "documents.KnowledgeBase", "gateway.ApiKey", "gateway.Membership", "gateway.Tenant", "model_registry.ModelTask",
        "retrieval.EvaluationSet", "monitoring.Webhook",
    }  # fmt: skip
    assert response.status_code == (200 if may_add else 403)


@pytest.mark.parametrize("model", REGISTERED, ids=page_names)
def test_an_invalid_id_is_not_an_error(admin_client: Client, model: type[Model]) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=["nonsense"])
    assert admin_client.get(url).status_code == 404


def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(filled: Client) -> None:
    def queries(model: type[Model]) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert filled.get(list_url(model)).status_code == 200
        return len(captured)

    few = {model: queries(model) for model in GROWING}
    fill()
    fill()
    assert {model: queries(model) for model in GROWING} == few
    assert {model: number for model, number in few.items() if number > 12} == {}


@pytest.mark.parametrize(("sending", "total"), [("waiting", 2), ("failing", 1), ("sent", 1)])
def test_events_are_listed_by_how_their_sending_goes(admin_client: Client, sending: str, total: int) -> None:
    for _ in range(3):
        factories.upload(factories.knowledge_base())
    sent, failing, _ = OutboxEvent.objects.values_list("pk", flat=True)
    OutboxEvent.objects.filter(pk=sent).update(sent_at=timezone.now())
    OutboxEvent.objects.filter(pk=failing).update(error="No broker answered.")
    page = admin_client.get(f"{list_url(OutboxEvent)}?sending={sending}")
    assert len(page.context["cl"].result_list) == total


def test_failed_versions_are_listed_with_their_reason_and_a_retry(
    admin_client: Client, failed_version: DocumentVersion
) -> None:
    factories.ready_version()
    url = f"{list_url(DocumentVersion)}?status__exact=failed"
    page = html.unescape(admin_client.get(url).content.decode())
    assert failed_version.error in page
    assert page.count("rag-small-button") == 1
    assert reverse("admin:documents_documentversion_retry", args=[failed_version.pk]) in page


def test_who_may_not_retry_is_shown_no_button(
    staff_client: Callable[..., Client], failed_version: DocumentVersion
) -> None:
    page = staff_client("view_documentversion").get(list_url(DocumentVersion)).content.decode()
    assert "broken.pdf" in page
    assert "rag-small-button" not in page


def test_the_overview_shows_staff_only_what_they_may_see(
    staff_client: Callable[..., Client], failed_version: DocumentVersion
) -> None:
    Document.objects.update(restricted=True)
    page = staff_client("view_query").get("/admin/").content.decode()
    assert "broken.pdf" not in page
    assert "Last questions" in page
    assert "Outbox events" not in page


@pytest.mark.parametrize("model", REGISTERED, ids=page_names)
def test_who_is_not_staff_is_sent_to_the_login(client: Client, db: None, model: type[Model]) -> None:
    for user in (None, User.objects.create_user("reader", password="reader-password-1")):
        if user:
            client.force_login(user)
        response: Any = client.get(list_url(model))
        assert response.status_code == 302
        assert response.url.startswith("/admin/login/")


def test_staff_without_the_permission_are_refused(staff_client: Callable[..., Client]) -> None:
    client = staff_client("view_document")
    assert client.get("/admin/documents/document/").status_code == 200
    assert client.get("/admin/documents/knowledgebase/").status_code == 403
    assert client.get("/admin/retrieval/query/try/").status_code == 403


def test_logging_in_without_a_page_in_mind_leads_to_the_overview(client: Client, admin_user: User) -> None:
    response = client.post("/admin/login/", {"username": "admin", "password": "password"})
    assert response["Location"] == "/admin/"
