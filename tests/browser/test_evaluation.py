from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from apps.retrieval.models import EvaluationResult, EvaluationRun, Judgement
from tests import factories as make
from tests.apps.retrieval.evaluation.asking import TEXTS, asked, done, library
from tests.browser.visiting import Visit

pytestmark = pytest.mark.browser


def test_two_settings_are_asked_side_by_side_a_passage_is_marked_and_its_set_is_run_and_read(visit: Visit) -> None:
    base, page = library(), visit.page
    visit.open(reverse("workspace-tab", args=[base.pk, "ask"]))
    page.check("#id_compare")
    page.select_option("[name=b-mode]", "lexical")
    page.fill("#id_question", "When is high water?")
    page.press("#id_question", "Enter")
    sides = page.locator(".rag-ask-side", has=page.locator(".rag-ask-done"))
    expect(sides).to_have_count(2)
    for side in (sides.first, sides.last):
        expect(side.locator(".rag-answer-text")).to_contain_text(TEXTS["tides"])
    passage = sides.last.locator(".rag-ask-passage", has_text=TEXTS["tides"])
    passage.get_by_role("button", name="Relevant").click()
    expect(passage.locator(".rag-judged")).to_contain_text("From tried queries")
    assert Judgement.objects.get().question.text == "When is high water?"

    page.get_by_role("link", name="Evaluate", exact=True).click()
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("status")).to_contain_text("Waits for a worker")
    while make.work_once("evaluate", EvaluationRun.objects.get()):
        pass
    expect(page.locator(".rag-reading")).to_contain_text("1 of 1 questions have the right document first")


def test_a_run_and_a_comparison_show_what_differs(visit: Visit) -> None:
    made = asked(library(), name="Harbour questions")
    done(made)
    run = done(made)
    worse = EvaluationResult.objects.get(run=run, text=TEXTS["tides"])
    worse.metrics["ndcg@10"] = 0.5
    worse.save()
    visit.open(reverse("admin:retrieval_evaluationrun_change", args=[run.pk]))
    expect(visit.page.locator("#run .rag-figure")).to_have_count(8)
    visit.page.locator("#results summary").first.click()
    expect(visit.page.locator("#results .rag-places li").first).to_be_visible()
    visit.page.click("#compare [type=submit]")
    visit.page.locator("#questions summary").click()
    expect(visit.page.locator("#questions .rag-places").first).to_contain_text("Tides")
