"""A citation is followed to its place in the document, and a passage is edited there."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from apps.documents.models import DocumentVersion
from tests import factories
from tests.browser.visiting import Visit

pytestmark = pytest.mark.browser
SENTENCE = "A berth costs 31 euros a night, electricity included."


def test_a_citation_opens_the_document_at_its_span_where_the_passage_is_edited(visit: Visit) -> None:
    version = factories.ready_version()
    page = visit.page
    visit.open(f"/admin/knowledge-bases/{version.document.knowledge_base_id}/ask/")
    page.fill("#id_question", "What does a berth cost a night?")
    page.press("#id_question", "Enter")
    page.locator(".rag-ask-done .rag-reference").first.click()
    page.locator(".rag-ask-passage:focus .rag-span-head a").click()

    mark = page.locator("#document-panel mark").first
    expect(mark).to_have_text(SENTENCE)
    expect(mark).to_be_in_viewport()
    chosen = page.locator(".rag-doc-passage[data-chosen]")
    expect(chosen).to_contain_text(SENTENCE)

    first = page.locator(".rag-doc-passage").first
    first.locator(".rag-doc-passage-text").click()
    expect(page.locator("#document-panel mark").filter(has_text="opens at 07:30").first).to_be_visible()
    assert "start=0" in page.url

    chosen.get_by_role("button", name="Edit passage").click()
    field = page.locator("#document-edit textarea")
    field.fill(field.input_value().replace("07:30", "08:00"))
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#document-cancel")).to_be_visible()
    factories.run_stages()
    expect(page.locator("#document-edits")).to_contain_text("08:00")
    expect(page.locator(".rag-doc-passage[data-chosen]")).to_contain_text("08:00")
    assert DocumentVersion.objects.get(number=2).document.current_version_id != version.pk
