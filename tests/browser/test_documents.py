from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from apps.documents.models import Document
from tests import factories
from tests.browser.visiting import Visit

pytestmark = pytest.mark.browser

DROP = """([target, files]) => {
  const brought = new DataTransfer();
  for (const [name, text] of files) brought.items.add(new File([text], name));
  for (const type of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(new DragEvent(type, { dataTransfer: brought, bubbles: true, cancelable: true }));
}"""
FILES = [["tides.md", "# Tides\n\nHigh water is at noon."], ["broken.pdf", "%PDF-1.7 broken"], ["program.exe", "MZ"]]
FILES += [[f"berth-{number}.md", f"# Berth {number}\n\nBerth {number} is for guests."] for number in range(17)]


def test_twenty_files_are_dropped_one_is_refused_one_fails_and_is_mended(visit: Visit) -> None:
    knowledge_base = factories.knowledge_base(name="Harbour rules")
    visit.open(reverse("workspace-tab", args=[knowledge_base.pk, "documents"]))
    page = visit.page
    page.evaluate(DROP, [page.query_selector("#documents-tab"), FILES])
    expect(page.get_by_text("19 uploaded, 0 already here, 1 refused.")).to_be_visible()
    expect(page.locator(".rag-sent", has_text="program.exe")).to_contain_text("This type is not read.")
    row = page.locator("tr", has=page.get_by_role("link", name="broken", exact=True))
    expect(row).to_contain_text("Uploaded, waiting to be read")
    page.get_by_label("Choose tides.md").check()
    factories.run_stages()
    expect(row).to_contain_text("The file is damaged.")
    expect(page.locator("#workspace-head")).to_contain_text("1 document could not be read.")
    expect(page.locator("tr", has_text="tides.md")).to_contain_text("Version 1")
    expect(page.get_by_label("Choose tides.md")).to_be_checked()
    with page.expect_file_chooser() as chooser:
        row.get_by_text("Upload new version").click()
    mended = {"name": "mended.md", "mimeType": "text/markdown", "buffer": b"# Mended\n\nLow water is at six."}
    chooser.value.set_files([mended])
    expect(row).to_contain_text("waiting to be read")
    factories.run_stages()
    expect(row).to_contain_text("Version 2")
    expect(page.locator("#workspace-head")).to_contain_text("Everything is ready to be asked.")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete 1 document?")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".rag-doing")).to_contain_text("0 of 1")
    expect(page.get_by_role("dialog")).to_be_hidden()
    factories.work_once("bulk")
    expect(page.get_by_text("1 document is deleted.")).to_be_visible()
    left = Document.objects.filter(deleted_at=None).exclude(title__startswith="berth-")
    assert [document.title for document in left] == ["broken.pdf"]


def test_a_job_is_watched_on_the_tab_cancelled_and_read_about_afterwards(visit: Visit) -> None:
    knowledge_base = factories.knowledge_base(name="Harbour rules")
    for name in ("tides.md", "berths.md"):
        factories.upload(knowledge_base, f"# {name}\n\nHigh water is at noon.", filename=name)
    visit.open(reverse("workspace-tab", args=[knowledge_base.pk, "documents"]))
    page = visit.page
    page.get_by_label("Choose all on this page").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.locator(".rag-doing").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_contain_text("What is done stays so.")
    page.get_by_role("dialog").get_by_role("button", name="Cancel it").click()
    expect(page.get_by_text("It was cancelled after 0 of 2.")).to_be_visible()
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.get_by_role("link", name="Deleting documents").click()
    expect(page.locator("#job-live")).to_contain_text("Cancelled")
    assert Document.objects.filter(deleted_at=None).count() == 2
