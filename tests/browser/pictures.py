"""A picture of each of the admin's pages, light and dark, narrow and wide: `make pictures`. Nothing is asserted; people look.

Not collected with the tests: its name is no test file's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page

from apps.documents.admin.addresses import document_url
from apps.documents.lifecycle.editing import document_edit
from apps.documents.lifecycle.edits import Edit
from apps.documents.models import Document, DocumentVersion, Grant, KnowledgeBase
from apps.monitoring.models import Alert, HealthCheck
from apps.monitoring.operations.tabs import TABS as OPERATIONS
from apps.monitoring.workspace.place import workspace_url
from apps.monitoring.workspace.tabs import TABS
from apps.retrieval.erasing.services import erasure_ask
from ragsite.core.limits import limits_read
from ragsite.gateway.invitations import password_link
from ragsite.gateway.limits.rows import limits_set
from ragsite.gateway.models import Membership
from tests import factories
from tests.acting import ACTOR
from tests.apps.documents.admin.test_pages import fill
from tests.browser.test_second_factor import code

pytestmark = pytest.mark.django_db(transaction=True)
FOLDER = Path(os.environ.get("PICTURES", "pictures"))
WIDTHS = (1024, 1440)
THEMES = ("light", "dark")
ONLY = os.environ.get("ONLY", "")
"""An expression that the names of the pages are looked through for."""
PASSWORD = "the right password of admin"
LOCALE = os.environ.get("LOCALE", "en-GB")
"""What the browser asks for, as `de-DE`."""


@pytest.fixture(params=[(theme, width) for theme in THEMES for width in WIDTHS], ids=lambda one: f"{one[0]}-{one[1]}")
def page(request: pytest.FixtureRequest, browser: Browser, live_server: Any) -> Iterator[tuple[Page, Path]]:
    """A page of a signed-in browser, and the folder for its pictures."""
    theme, width = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=theme,
        base_url=live_server.url,
        reduced_motion="reduce",
        locale=LOCALE,
    )
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    yield context.new_page(), FOLDER / f"{theme}-{width}"
    context.close()


def test_pictures(page: tuple[Page, Path], client: Client) -> None:
    shown, folder = page
    _picture(shown, "/admin/", folder / "home-empty.png")
    fill()
    fill()
    failed = factories.upload(KnowledgeBase.objects.all()[0], "%PDF-1.7 broken", filename="broken.pdf").version
    factories.run_stages()
    _edited(DocumentVersion.objects.filter(status="ready")[0])
    for name, path in _pages(failed).items():
        if re.search(ONLY, name):
            _picture(shown, path, folder / f"{name}.png")
    _signing_in(shown, folder)


def _signing_in(page: Page, folder: Path) -> None:
    """The pages before the admin: with a password, and with a second factor that is set up, asked for and looked at."""
    admin_user = User.objects.get(username="admin")
    admin_user.set_password(PASSWORD)
    admin_user.save()
    page.context.clear_cookies()
    _picture(page, "/admin/login/?next=/admin/second-factor/own/", folder / "sign-in.png")
    _password_given(page)
    page.wait_for_selector(".rag-qr")
    page.screenshot(path=folder / "second-factor-set-up.png", full_page=True)
    secret = page.locator("#secret").inner_text().replace(" ", "")
    page.fill("[name=code]", code(secret, steps=-1))
    page.keyboard.press("Enter")
    page.wait_for_selector(".rag-codes")
    page.screenshot(path=folder / "second-factor-codes.png", full_page=True)
    _picture(page, "/admin/second-factor/own/", folder / "second-factor-own.png")
    page.context.clear_cookies()
    page.goto("/admin/login/")
    _password_given(page)
    page.wait_for_selector("[name=code]")
    page.screenshot(path=folder / "second-factor-asked.png", full_page=True)
    link = password_link(factories.member(factories.tenant(), is_active=True))
    _picture(page, link, folder / "password-set.png")


def _password_given(page: Page) -> None:
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("#login-form [type=submit]")


def _edited(version: DocumentVersion) -> None:
    """A version that says something else at its beginning."""
    edit = Edit(0, 10, "In another word")
    document_edit(document=version.document, version=version, edits=[edit], actor=ACTOR)
    factories.run_stages()


def _pages(failed: DocumentVersion) -> dict[str, str]:
    """Path by name."""
    base = DocumentVersion.objects.filter(status="ready")[0].document.knowledge_base
    pages = {"home": "/admin/", "failed": reverse("admin:documents_documentversion_change", args=[failed.pk])}
    pages |= {f"workspace-{tab.slug}": workspace_url(base, tab.slug) for tab in TABS}
    edited = DocumentVersion.objects.exclude(edits=None).latest("number")
    pages |= {"document": document_url(edited.document), "document-failed": document_url(failed.document)}
    pages |= {"document-diff": f"{document_url(edited.document)}?old=1&new=2"}
    pages |= {name: reverse(name) for name in ("jobs", "failures", "api-docs")}
    pages |= {"health": reverse("health-page")}
    _watched()
    pages |= {"not-found": "/admin/nothing/"}
    pages |= _of_the_gateway(Grant.objects.exclude(api_key=None)[0])
    pages |= {f"operations-{tab.name}": tab.url for tab in OPERATIONS}
    pages |= {"operations-history": reverse("admin:documents_document_history", args=[failed.document_id])}
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        pages[f"list-{name}"] = reverse(f"admin:{name}_changelist")
        if row := model._default_manager.first():
            pages[f"row-{name}"] = reverse(f"admin:{name}_change", args=[row.pk])
    return pages


def _watched() -> None:
    """Alerts, open and over, and what deep checks found."""
    begun = timezone.now() - timedelta(hours=2)
    known: dict[str, Any] = {"since": begun, "opened_at": begun, "value": 2_700}
    Alert.objects.create(rule="part-fails", subject="disk", severity="critical", state="open", **known)
    seen_to = {"acknowledged_at": timezone.now(), "acknowledged_by": User.objects.first()}
    Alert.objects.create(rule="queue-waits", subject="embedding", severity="warning", state="open", **known, **seen_to)
    Alert.objects.create(
        rule="job-fails", subject="sweep", severity="warning", state="closed", closed_at=timezone.now(), **known
    )
    no_room = (
        "Of the disk with RAGSITE_DATA_DIR 2 % are free. Make room: delete documents or models that are not needed."
    )
    nobody = "No worker listens for the queue chunking. Start one, or see its log."
    for name, state, text in (("database", "ok", ""), ("queue", "degraded", nobody), ("disk", "failed", no_room)):
        HealthCheck.objects.create(name=name, state=state, text=text, milliseconds=12, since=begun)


def _of_the_gateway(grant: Grant) -> dict[str, str]:
    """Who may, how much, and what is erased, where a key has a grant."""
    tenant, access = grant.tenant, workspace_url(grant.knowledge_base, "access")
    document = Document.objects.filter(knowledge_base=grant.knowledge_base)[0]
    member = Membership.objects.filter(tenant=tenant)[0]
    for one in (tenant, member, grant.api_key):
        limits_set(of=one, limits=limits_read("answers=500/month upload_bytes=2GB/month streams=4"), actor=ACTOR)
    erasing = reverse("erasing")
    asked = erasure_ask(subject="user", subject_id=str(member.user_id), tenant_id=tenant.pk, actor=ACTOR)
    return {
        "access-document": f"{access}?document={document.pk}",
        "access-person": f"{access}?person={member.user_id}",
        "limits-of-a-member": f"/admin/gateway/membership/{member.pk}/limits/",
        "key-form": reverse("admin:gateway_apikey_add"),
        "invite": reverse("admin:gateway_membership_invitation"),
        "erasing": erasing,
        "erasing-found": f"{erasing}?tenant={tenant.pk}&subject=document&who={document.pk}",
        "erasing-job": reverse("job", args=["erasure", asked.pk]),
    }


def _picture(page: Page, path: str, file: Path) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")
    file.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=file, full_page=True)
