"""The pages people work with every day, as who reads German sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.documents.models import DocumentVersion, KnowledgeBase
from apps.monitoring.workspace.place import workspace_url
from apps.monitoring.workspace.tabs import TABS
from tests import factories
from tests.apps.documents.admin.test_pages import fill
from tests.project import catalogue

WORDS = 3
"""A text with fewer may well be a name, or be the same in both languages."""


@pytest.fixture(scope="module")
def english() -> frozenset[str]:
    """Texts that read otherwise in German, with what a page would show of them."""
    texts = (
        message for message in catalogue.read("de") if isinstance(message.id, str) and message.id != message.string
    )
    return frozenset(message.id for message in texts if _is_told(message.id))


def _is_told(text: str) -> bool:
    return len(text.split()) >= WORDS and not catalogue.PLACEHOLDER.search(text) and "<" not in text


def _pages(failed: DocumentVersion) -> Iterator[str]:
    base = failed.document.knowledge_base
    yield from (reverse(name) for name in ("admin:index", "health-page"))
    yield from (workspace_url(base, tab.slug) for tab in TABS)
    yield from (
        reverse(f"admin:{name}_changelist") for name in ("documents_document", "gateway_apikey", "retrieval_query")
    )
    yield reverse("admin:documents_documentversion_change", args=[failed.pk])
    yield "/admin/nothing/"


@pytest.mark.django_db
def test_no_english_is_left_on_the_main_pages(english: frozenset[str]) -> None:
    fill()
    failed = factories.upload(KnowledgeBase.objects.all()[0], "%PDF-1.7 broken", filename="broken.pdf").version
    factories.run_stages()
    client = Client(headers={"accept-language": "de", "accept": "text/html"})
    left = _left(client, reverse("admin:login"), english)
    client.force_login(User.objects.create_superuser("Anna"))
    for page in _pages(failed):
        left |= _left(client, page, english)
    assert left == set()


def _left(client: Client, path: str, english: frozenset[str]) -> set[tuple[str, str]]:
    page = client.get(path).content.decode()
    assert 'lang="de"' in page, path
    shown = " ".join(unescape(re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)).split())
    found = (text for text in english if text in shown)
    return {(path, text) for text in found if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", shown)}
