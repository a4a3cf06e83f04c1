from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.visiting import TIMEOUT_MILLISECONDS, Visit

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with the module: Playwright runs an event loop on the test's thread, which others must not meet."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.fail(f"No browser found ({', '.join(NAMES)}). Install Chromium, or deselect with -m 'not browser'.")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        expect.set_options(timeout=TIMEOUT_MILLISECONDS)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, live_server: Any) -> Iterator[Visit]:
    """A browser that is logged in as an admin. What went wrong on its way fails the test."""
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    visit = Visit(context.new_page(), live_server.url)
    visit.open("/admin/")
    yield visit
    visit.settle()
    context.close()
    assert visit.troubles == []
