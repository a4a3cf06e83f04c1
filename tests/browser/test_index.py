"""A knowledge base is cut anew beside what answers, compared, switched to, and rolled back."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from apps.documents.chunking.settings import ChunkingSettings
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import Reindex, ReindexState, SwitchMode
from tests.apps.retrieval.evaluation.asking import asked, library
from tests.apps.retrieval.reindexing.rebuilding import started, worked
from tests.browser.visiting import Visit

pytestmark = pytest.mark.browser
ANOTHER_POLL = "new Promise(done => document.addEventListener('htmx:afterRequest', () => done(), { once: true }))"


def test_a_re_index_with_other_chunks_is_followed_compared_switched_to_and_rolled_back(visit: Visit) -> None:
    base, page = library(), visit.page
    asked(base, name="Questions of guests")
    old = generation_ensure(base)
    visit.open(reverse("workspace-tab", args=[base.pk, "index"]))
    page.fill("[name=size]", "64")
    page.locator("#start summary").click()
    page.locator("#start [name=overlap]").fill("8")
    page.select_option("[name=switch]", "manual")
    page.get_by_role("button", name="Start the re-index").click()
    under_way = page.locator("#reindex")
    expect(under_way).to_contain_text("0 of 3 passages")
    worked(Reindex.objects.get())
    expect(under_way.locator("tbody tr")).to_contain_text("Questions of guests")
    expect(under_way.locator("tbody tr")).to_contain_text("1.000")
    under_way.get_by_role("button", name="Let it answer").click()
    new = Reindex.objects.get().generation
    row = page.locator("#generations tbody tr", has=page.get_by_role("cell", name=str(new.pk), exact=True))
    expect(row).to_contain_text("Answers searches")
    expect(row).to_contain_text("64 tokens")
    assert generation_ensure(base) == new
    page.get_by_role("button", name="Roll back to the previous generation").click()
    expect(row).not_to_contain_text("Answers searches")
    assert generation_ensure(base) == old


def test_a_press_that_a_poll_comes_upon_does_its_act_and_the_next_poll_brings_what_is_new(visit: Visit) -> None:
    base, page = library(), visit.page
    reindex = started(base, chunking=ChunkingSettings(size=64, overlap=8), switch=SwitchMode.MANUAL)
    visit.open(reverse("workspace-tab", args=[base.pk, "index"]))
    under_way = page.locator("#reindex")
    under_way.get_by_role("button", name="Cancel").hover()
    page.mouse.down()
    worked(reindex)
    page.evaluate(ANOTHER_POLL)
    expect(under_way).to_contain_text("0 of 3 passages")
    page.mouse.move(0, 0)
    page.mouse.up()
    answers = under_way.get_by_role("button", name="Let it answer")
    answers.hover()
    page.mouse.down()
    page.evaluate(ANOTHER_POLL)
    page.mouse.up()
    expect(under_way).to_have_count(0)
    assert Reindex.objects.get().state == ReindexState.SWITCHED
