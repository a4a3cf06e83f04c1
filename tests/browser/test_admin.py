from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import expect

from apps.documents.models import DocumentVersion
from apps.models.gateway import Deadline
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from ragsite.gateway.models import ApiKey
from ragsite.gateway.sign_ins import SignIn, sign_in_begin
from tests import factories
from tests.acting import ACTOR
from tests.browser.visiting import Visit
from tests.model_server import MODEL, ModelServer

pytestmark = pytest.mark.browser
PASSWORD = "browser-password-1"
SENTENCE = "A berth costs 31 euros a night, electricity included."


def ready_version() -> DocumentVersion:
    """A version that answers, and a question that was answered with it."""
    version = factories.ready_version()
    scope = factories.scope(version.document.knowledge_base)
    ask(SearchRequest(SENTENCE, top_k=5), scope=scope, actor=ACTOR, deadline=Deadline.after(60))
    factories.api_key(version.document.tenant)
    return version


def test_every_list_and_every_row_s_page_open_without_trouble(visit: Visit) -> None:
    ready_version()
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        visit.open(reverse(f"{name}_changelist"))
        expect(visit.page.locator("#changelist")).to_be_visible()
        row = model._default_manager.first()
        if row is not None:
            visit.open(reverse(f"{name}_change", args=[row.pk]))
            expect(visit.page.locator("#content-main")).to_be_visible()


def test_the_sidebar_leads_to_every_page_it_names(visit: Visit) -> None:
    links = visit.page.locator("#nav-sidebar-apps a").evaluate_all("found => found.map(a => a.getAttribute('href'))")
    assert len(links) == 22
    for link in links:
        assert visit.page.request.get(visit.home + link).ok, link


def test_a_new_version_is_uploaded_from_a_document_s_page(visit: Visit) -> None:
    document = factories.ready_version().document
    visit.open(reverse("admin:documents_document_change", args=[document.pk]))
    visit.page.click("text=Upload a new version")
    tides = {"name": "tides.md", "mimeType": "text/markdown", "buffer": b"# Tides\n\nHigh water is at noon.\n"}
    visit.page.set_input_files("[name=uploads]", [tides])
    visit.page.click("#upload [type=submit]")
    expect(visit.page.get_by_text("tides.md: accepted as version 2")).to_be_visible()


def test_fields_side_by_side_are_at_one_height(visit: Visit) -> None:
    visit.open(reverse("admin:documents_knowledgebase_add"))
    size, overlap = (visit.page.locator(f"[name=chunk_{name}]").bounding_box() for name in ("size", "overlap"))
    assert size
    assert overlap
    assert (size["y"], size["height"]) == (overlap["y"], overlap["height"])


def test_a_failed_version_is_retried_through_the_dialog(visit: Visit) -> None:
    version = factories.upload(factories.knowledge_base(), "%PDF-1.7 broken", filename="broken.pdf").version
    factories.run_stages()
    visit.open(reverse("admin:documents_documentversion_change", args=[version.pk]))
    visit.page.get_by_role("link", name="Retry").click()
    visit.page.click("#dialog [type=submit]")
    expect(visit.page.get_by_text("broken.pdf v1 will be retried.")).to_be_visible()
    version.refresh_from_db()
    assert version.status == "uploaded"


def test_an_api_key_is_made_and_shown_once(visit: Visit) -> None:
    factories.tenant("Harbour Authority")
    visit.open(reverse("admin:gateway_apikey_add"))
    visit.page.select_option("[name=tenant]", label="Harbour Authority")
    visit.page.fill("[name=name]", "booking")
    visit.page.check("[name=permissions][value=query]")
    visit.page.click("[name=_save]")
    shown = visit.page.locator(".rag-secret")
    assert shown.input_value().startswith(f"rag_{ApiKey.objects.get().prefix}.")
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.page.click(".rag-copy")
    expect(visit.page.locator(".rag-copy-label")).to_have_text("Copied")
    assert visit.page.evaluate("navigator.clipboard.readText()") == shown.input_value()
    visit.page.reload()
    expect(shown).to_have_count(0)


def test_the_pages_outside_the_admin_show_what_they_should_under_their_policies(visit: Visit) -> None:
    visit.open("/api/docs")
    expect(visit.page.locator("#swagger-ui .info .title")).to_contain_text("ragsite")
    visit.page.locator(".opblock-summary").first.click()
    expect(visit.page.locator(".opblock.is-open").first).to_be_visible()
    with visit.expected(404):
        visit.open("/helth/live")
    expect(visit.page.get_by_role("link", name="/health/live")).to_be_visible()
    assert visit.page.locator("main").evaluate("main => getComputedStyle(main).maxWidth") == "576px"


def test_a_password_is_set_on_its_page_and_lets_its_owner_in(visit: Visit) -> None:
    user = User.objects.get(username="admin")
    visit.open(reverse("admin:auth_user_change", args=[user.pk]))
    visit.page.fill("[name=first_name]", "Ada")
    visit.page.click("[name=_save]")
    user.refresh_from_db()
    assert user.first_name == "Ada"
    visit.open(reverse("admin:auth_user_password_change", args=[user.pk]))
    for field in ("password1", "password2"):
        visit.page.fill(f"[name={field}]", PASSWORD)
    visit.page.get_by_role("button", name="Change password").click()
    expect(visit.page.get_by_text("Password changed successfully.")).to_be_visible()
    visit.page.context.clear_cookies()
    visit.open("/admin/login/")
    visit.page.fill("[name=username]", "admin")
    visit.page.fill("[name=password]", PASSWORD)
    visit.page.click("[type=submit]")
    visit.page.wait_for_url(f"{visit.home}/admin/")


def test_who_tried_too_often_is_told_on_the_page(visit: Visit) -> None:
    for _ in range(5):
        sign_in_begin(SignIn("eve", "192.0.2.1"))
    visit.page.context.clear_cookies()
    visit.open("/admin/login/")
    visit.page.fill("[name=username]", "eve")
    visit.page.fill("[name=password]", "whatever-it-is")
    with visit.expected(429):
        visit.page.click("[type=submit]")
        expect(visit.page.get_by_text("Too many sign-ins failed. Wait")).to_be_visible()


def test_a_language_model_is_found_tried_and_connected(visit: Visit, engine: ModelServer) -> None:
    engine.offers = ({"id": "other"}, {"id": MODEL})
    visit.open(reverse("admin:model_registry_model_changelist"))
    visit.page.click("text=Connect a language model")
    visit.page.fill("[name=urls]", engine.url)
    visit.page.click("text=Test connection")
    visit.page.click(f".rag-offers >> text={MODEL}")
    visit.page.fill("[name=name]", "assistant")
    visit.page.click("text=Test connection")
    expect(visit.page.get_by_text("It answers")).to_be_visible()
    expect(visit.page.locator("#tried .rag-quote")).to_have_text(engine.says)
    visit.page.click("#connect [type=submit]")
    expect(visit.page.get_by_text("the next question is answered by it")).to_be_visible()
