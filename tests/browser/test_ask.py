"""A knowledge base is asked where people do: the answer comes, a citation leads to its passage, and that is judged."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from playwright.sync_api import expect

from apps.retrieval.doors import telling
from apps.retrieval.models import AnswerFeedback, Conversation, Judgement, Query
from ragsite.core.errors import ModelUnavailableError
from tests import factories
from tests.browser.visiting import Visit

pytestmark = pytest.mark.browser
SENTENCE = "A berth costs 31 euros a night, electricity included."
WATCH = """
window.came = [];
new MutationObserver(() => {
  const text = document.querySelector(".rag-ask-live")?.textContent;
  if (text) window.came.push(text);
}).observe(document.body, { subtree: true, childList: true, characterData: true });
"""


def test_an_answer_comes_in_a_citation_leads_to_its_passage_and_that_is_marked(visit: Visit) -> None:
    base = factories.ready_version().document.knowledge_base
    visit.open(f"/admin/knowledge-bases/{base.pk}/ask/")
    visit.page.evaluate(WATCH)
    visit.page.fill("#id_question", "What does a berth cost a night?")
    visit.page.press("#id_question", "Enter")
    expect(visit.page.locator(".rag-ask-done .rag-answer-text")).to_contain_text(SENTENCE)
    assert visit.page.evaluate("window.came[0]").startswith(SENTENCE)

    chip = visit.page.locator(".rag-ask-done .rag-reference").first
    chip.click()
    passage = visit.page.locator(".rag-ask-passage", has=visit.page.locator(".rag-cited-now"))
    expect(passage).to_be_in_viewport()
    expect(passage).to_be_focused()
    assert "".join(passage.locator(".rag-cited-now").all_inner_texts()) == SENTENCE
    expect(passage.locator(".rag-asked").first).to_have_text("Berths")

    passage.get_by_role("button", name="Relevant").click()
    expect(passage.locator(".rag-judged")).to_contain_text("From tried queries")
    assert Judgement.objects.get().question.text == "What does a berth cost a night?"
    visit.page.get_by_title("Good answer").click()
    expect(visit.page.get_by_title("Good answer")).to_have_attribute("aria-pressed", "true")
    assert AnswerFeedback.objects.get().rating == "up"

    visit.page.fill("#id_question", "And who wears life jackets?")
    visit.page.click("#ask [type=submit]")
    expect(visit.page.locator(".rag-ask-done")).to_have_count(2)
    assert sorted(Query.objects.values_list("turn", flat=True)) == [1, 2]

    visit.page.reload()
    expect(visit.page.locator(".rag-ask-done")).to_have_count(2)
    asked = visit.page.locator(".rag-ask-turn", has_text="What does a berth cost a night?")
    asked.locator(".rag-ask-answer .rag-reference").first.click()
    expect(asked.locator(".rag-ask-passage", has=visit.page.locator(".rag-cited-now"))).to_be_focused()
    visit.page.keyboard.press("Tab")
    expect(visit.page.locator(":focus")).to_contain_text("Open in the document: handbook.md")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url(f"**/documents/{base.documents.get().pk}/**")


def test_a_question_that_fails_stays_and_is_asked_again(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    base = factories.ready_version().document.knowledge_base
    with monkeypatch.context() as patched:
        patched.setattr(telling, "retrieve", Mock(side_effect=ModelUnavailableError("No model worker answers.")))
        visit.open(f"/admin/knowledge-bases/{base.pk}/ask/")
        visit.page.fill("#id_question", "What does a berth cost a night?")
        visit.page.press("#id_question", "Enter")
        expect(visit.page.locator(".rag-ask-failed")).to_contain_text("No model worker answers.")
        assert not Conversation.objects.exists()
        visit.page.reload()
        expect(visit.page.locator("#id_question")).to_have_value("What does a berth cost a night?")
        visit.page.press("#id_question", "Enter")
        expect(visit.page.get_by_role("button", name="Ask again")).to_be_visible()
    visit.page.get_by_role("button", name="Ask again").click()
    expect(visit.page.locator(".rag-ask-done .rag-answer-text")).to_contain_text(SENTENCE)
    expect(visit.page.locator(".rag-ask-failed")).to_have_count(0)
    assert Conversation.objects.get().turn_count == 1
