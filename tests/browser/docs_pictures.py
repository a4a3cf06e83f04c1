"""The manual's pictures of the admin, made of the sample documents: `make docs-pictures` writes them into `docs/pictures`.

Nothing is asserted; people look. Not collected with the tests: its name is no test file's.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from PIL import Image
from playwright.sync_api import Browser, Page

from apps.documents.models import KnowledgeBase
from apps.documents.services.documents import document_update
from apps.monitoring.workspace.place import workspace_url
from ragsite.gateway.models import Role
from ragsite.stack.local import PROJECT_DIR
from tests import factories
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db(transaction=True)
FOLDER = PROJECT_DIR / "docs" / "pictures"
SAMPLES = ("visitor-handbook.md", "weather-station.html", "telescope-manual.pdf", "safety-rules.docx", "night-log.txt")
QUESTION = "How long does the cable car from Untertal to the observatory take?"


@pytest.fixture
def page(browser: Browser, live_server: Any) -> Iterator[Page]:
    """A page of a signed-in browser, in the size of the manual's pictures."""
    context = browser.new_context(
        viewport={"width": 1200, "height": 760}, device_scale_factor=1.5, color_scheme="light",
        base_url=live_server.url, reduced_motion="reduce", locale="en-GB",
    )  # fmt: skip
    client = Client()
    client.force_login(User.objects.create_superuser("ilse"))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    yield context.new_page()
    context.close()


def test_pictures(page: Page) -> None:
    base = _observatory()
    _opened(page, workspace_url(base, "documents"))
    _kept(page, "documents")
    _opened(page, workspace_url(base, "ask"))
    page.fill("#id_question", QUESTION)
    page.press("#id_question", "Enter")
    page.wait_for_selector(".rag-ask-done .rag-reference")
    page.locator(".rag-ask-done .rag-reference").first.click()
    page.mouse.move(600, 400)
    page.mouse.wheel(0, -80)
    page.wait_for_timeout(300)
    _kept(page, "ask")
    page.get_by_role("link", name="Open in the document").first.click()
    page.wait_for_url("**/documents/**")
    _kept(page, "citation")
    _opened(page, workspace_url(base, "access"))
    _kept(page, "access")


def _observatory() -> KnowledgeBase:
    """The sample documents, ready, of which one is restricted and granted to a member."""
    tenant = factories.tenant("Grauhorn Observatory")
    base = factories.knowledge_base(of=tenant, name="Observatory")
    uploads = [factories.upload(base, (PROJECT_DIR / "samples" / name).read_bytes(), filename=name) for name in SAMPLES]
    factories.run_stages()
    night_log = uploads[-1].version.document
    document_update(document=night_log, restricted=True, actor=ACTOR)
    for name, role in (("anneli", Role.OWNER), ("jonas", Role.EDITOR), ("fatima", Role.READER)):
        factories.grant(night_log, factories.member(tenant, role, name=name))
    return base


def _opened(page: Page, path: str) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")


def _kept(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    shown = Image.open(io.BytesIO(page.screenshot()))
    shown.convert("RGB").save(FOLDER / f"{name}.webp", quality=80, method=6)
