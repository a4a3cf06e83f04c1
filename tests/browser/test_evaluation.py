from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from apps.retrieval.models import EvaluationResult, EvaluationRun, Judgement
from tests.apps.retrieval.evaluation.asking import TEXTS, asked, done, library
from tests.browser.visiting import Visit

pytestmark = pytest.mark.browser


def test_a_passage_is_marked_with_one_click_and_its_set_is_run_and_looked_at(visit: Visit) -> None:
    base = library()
    visit.open(f"{reverse('admin:retrieval_query_try')}?knowledge_base={base.pk}")
    visit.page.fill("[name=question]", "When is high water?")
    visit.page.click("#ask [type=submit]")
    first = visit.page.locator(".rag-ask-done .rag-ask-passage").first
    first.get_by_role("button", name="Relevant").click()
    expect(first.locator(".rag-marked")).to_contain_text("From tried queries")
    assert Judgement.objects.get().question.text == "When is high water?"

    first.locator(".rag-marked a").click()
    visit.page.get_by_role("link", name="Start a run").click()
    visit.page.click("#dialog [type=submit]")
    expect(visit.page.locator("#run .rag-progress")).to_be_visible()
    assert EvaluationRun.objects.get().state == "waiting"


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
