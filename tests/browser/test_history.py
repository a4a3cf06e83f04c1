"""The history of answers as staff use it."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from apps.retrieval.answers.feedback import answer_rate
from apps.retrieval.answers.turns import AskedTurn
from apps.retrieval.models import Answer, Conversation, EvaluationQuestion, Rating
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from tests import factories
from tests.acting import ACTOR
from tests.browser.visiting import Visit

pytestmark = pytest.mark.browser
QUESTION, SENTENCE = "How many berths for guests has the harbour?", "The harbour has 42 berths for guests."


def conversation_held() -> Answer:
    """The second answer of a conversation."""
    base = factories.ready_version().document.knowledge_base
    held = Conversation.objects.create(tenant=base.tenant, begun_by="ada, admin", knowledge_base_ids=[str(base.pk)])
    for question, understood in (
        (QUESTION, QUESTION),
        ("And for guests who stay a night?", f"{QUESTION} And for guests who stay a night?"),
    ):
        turn = AskedTurn(question, SearchRequest(understood), conversation_id=held.pk)
        answer = ask(turn.request, scope=factories.scope(base), actor=ACTOR, deadline=factories.soon(), turn=turn)
    answer_rate(answer=answer, rating=Rating.UP, comment="Just what I wanted to know.", actor=ACTOR)
    return answer


def test_an_answer_is_found_copied_and_made_an_evaluation_question(visit: Visit) -> None:
    answer = conversation_held()
    visit.open(reverse("admin:retrieval_conversation_changelist"))
    visit.page.click(f"#changelist >> text={QUESTION}")
    with visit.page.expect_download() as exported:
        visit.page.click("text=Export as Markdown")
    assert exported.value.suggested_filename.endswith(".md")
    visit.page.locator(".rag-turn-foot a").last.click()
    expect(visit.page.locator("#passages .rag-span")).to_have_count(len(answer.passages))
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.page.click("text=Copy with references")
    expect(visit.page.locator(".rag-copy-label")).to_have_text("Copied")
    assert f"{SENTENCE} [1]" in visit.page.evaluate("navigator.clipboard.readText()")
    visit.page.click("#evaluate")
    expect(visit.page.get_by_text("The question is in the evaluation set.")).to_be_visible()
    assert EvaluationQuestion.objects.get().judgements.count() == answer.citations.count()
