"""What there is of a document is looked at, its title typed, and the job that erases it watched to its end."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from apps.documents.admin.addresses import document_url
from apps.documents.models import Document
from apps.retrieval.erasing.services import ERASE
from tests import factories as make
from tests.browser.visiting import Visit

pytestmark = pytest.mark.browser


def test_all_traces_of_a_document_are_erased_from_its_page_and_the_report_comes_by_itself(visit: Visit) -> None:
    document, page = make.ready_version().document, visit.page
    visit.open(document_url(document))
    page.click("#document-remove")
    page.get_by_role("link", name="Erase all its traces instead").click()
    expect(page.locator("#erase dl")).to_contain_text("Documents")
    page.get_by_label("to confirm").fill("something else")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_role("alert")).to_contain_text("nothing was erased")
    page.get_by_label("to confirm").fill(document.title)
    page.get_by_role("button", name="Erase for good").click()
    expect(page.locator("#job-live")).to_contain_text("Under way")
    assert make.work_once(ERASE)
    expect(page.locator("#job-live")).to_contain_text("All that was found is erased")
    assert not Document.objects.exists()
