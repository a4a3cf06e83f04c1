"""From the first sign-in to the first answer, as somebody who owns a new tenant of a running system meets it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from apps.monitoring.home.starting import QUESTIONS
from ragsite.stack.system import System
from tests.browser.conftest import browser  # noqa: F401 - a fixture
from tests.browser.visiting import Visit

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights, pytest.mark.browser]
LOG = logging.getLogger(__name__)
SECONDS = 120
"""What the way from the sign-in to the first answer may take."""
PASSWORD = "first-sign-in-1"
OWNER = """
from django.contrib.auth.models import User
from ragsite.core.actors import Actor
from ragsite.gateway.members import member_add
from ragsite.gateway.models import Role, Tenant
user = User.objects.create_user({name!r}, password={password!r})
member_add(user=user, tenant=Tenant.objects.create(name={name!r}, slug={name!r}), role=Role.OWNER, actor=Actor.of_command("test"))
"""


def test_from_the_first_sign_in_samples_lead_to_an_answer_within_two_minutes(
    running: System,
    browser: Browser,  # noqa: F811 - the fixture
    record_property: Callable[[str, object], None],
) -> None:
    name, asked = f"new-{uuid4().hex[:8]}", json.loads(QUESTIONS.read_text())[0]
    running.manage("shell", "-v", "0", "-c", OWNER.format(name=name, password=PASSWORD))
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    visit = Visit(context.new_page(), running.url)
    page = visit.page
    visit.open("/admin/")
    begun = time.monotonic()
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("[type=submit]")
    page.get_by_role("button", name="Try it with sample documents").click()
    expect(page.locator("#workspace-head")).to_contain_text("Everything is ready to be asked.", timeout=SECONDS * 1000)
    page.get_by_role("link", name="Ask", exact=True).click()
    page.fill("#id_question", asked["question"])
    page.press("#id_question", "Enter")
    answer = page.locator(".rag-ask-done .rag-answer-text")
    expect(answer).to_contain_text(asked["answer_contains"], timeout=SECONDS * 1000)
    taken = time.monotonic() - begun
    context.close()
    record_property("seconds_to_first_answer", round(taken, 1))
    LOG.info("from the sign-in to the first answer: %.1f s", taken)
    assert taken < SECONDS
    assert visit.troubles == []
