from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client

from apps.models.gateway import using_transport
from apps.retrieval.models import Query
from tests import factories

URL = "/admin/retrieval/query/try/"
SENTENCE = "A berth costs 31 euros a night, electricity included."


def asked(client: Client, knowledge_base: Any, question: str = SENTENCE, **fields: str) -> Any:
    form = {"knowledge_base": knowledge_base.pk, "question": question, "passages": 5, **fields}
    return client.post(URL, form)


def test_the_answer_stands_with_its_citations_and_the_passages(admin_client: Client) -> None:
    version = factories.ready_version()
    response = asked(admin_client, version.document.knowledge_base)
    tried = response.context["tried"]
    assert tried.answer.found
    assert SENTENCE in tried.answer.text
    assert tried.answer.citations[0].where == "Harbour handbook › Berths"
    assert [passage.number for passage in tried.passages] == [1, 2, 3]
    page = html.unescape(response.content.decode())
    assert f"/admin/documents/documentversion/{version.pk}/change/" in page
    assert f"{tried.passages[0].score:.3f}" in page


def test_who_asked_is_noted_with_the_question(admin_client: Client) -> None:
    version = factories.ready_version()
    asked(admin_client, version.document.knowledge_base)
    query = Query.objects.get()
    assert query.asked_by == "admin: admin"
    assert query.tenant == version.document.tenant


def test_only_the_chosen_knowledge_base_is_searched(admin_client: Client) -> None:
    of = factories.tenant()
    factories.ready_version(factories.knowledge_base(of=of))
    empty = factories.knowledge_base(of=of)
    tried = asked(admin_client, empty).context["tried"]
    assert tried.passages == []
    assert not tried.answer.found


def test_a_model_that_does_not_answer_is_a_message_in_words(admin_client: Client, settings: Any) -> None:
    version = factories.ready_version()
    settings.RAGSITE_SEARCH_SECONDS = 0.05
    with using_transport("queue"):
        response = asked(admin_client, version.document.knowledge_base)
    assert response.status_code == 200
    assert response.context["tried"] is None
    (message,) = response.context["messages"]
    assert message.level_tag == "error"
    assert not Query.objects.exists()


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_the_mode_is_chosen_and_what_each_leg_thought_is_shown(admin_client: Client, mode: str) -> None:
    version = factories.ready_version()
    response = asked(admin_client, version.document.knowledge_base, mode=mode)
    tried = response.context["tried"]
    assert tried.search.mode == mode
    first = tried.passages[0]
    assert SENTENCE in first.text
    assert ("meaning" in first.details, "words" in first.details) == (mode != "lexical", mode != "dense")
    assert "(place 1)" in first.details
    page = html.unescape(response.content.decode())
    assert first.details in page
    assert tried.search.how in page
    assert ("convex, weight of meaning 0.5" in tried.search.how) == (mode == "hybrid")


def test_a_mode_that_is_none_is_an_error_on_the_form(admin_client: Client, db: None) -> None:
    response = asked(admin_client, factories.knowledge_base(), mode="psychic")
    assert "mode" in response.context["form"].errors


def test_an_empty_question_is_an_error_on_the_form(admin_client: Client, db: None) -> None:
    response = asked(admin_client, factories.knowledge_base(), question=" ")
    assert "question" in response.context["form"].errors
    assert not Query.objects.exists()


def test_a_link_with_a_wrong_knowledge_base_opens_the_page_with_none_chosen(admin_client: Client, db: None) -> None:
    response = admin_client.get(f"{URL}?knowledge_base=nonsense")
    assert response.status_code == 200
    assert response.context["form"]["knowledge_base"].value() is None


def test_text_of_a_document_is_never_markup(admin_client: Client) -> None:
    sentence = "The <script>alert(1)</script> buoy is red."
    version = factories.ready_version(content=sentence, filename="buoy.txt")
    page = asked(admin_client, version.document.knowledge_base, sentence).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_query_is_narrowed_to_tags_and_types(admin_client: Client) -> None:
    version = factories.ready_version(tags=["prices"])
    base = version.document.knowledge_base
    assert asked(admin_client, base, tags="prices, other", types="md").context["tried"].passages
    missed = asked(admin_client, base, tags="other")
    assert missed.context["tried"].passages == []
    assert "with these tags and of these types" in missed.content.decode()
    assert not asked(admin_client, base, types="pdf").context["tried"].answer.found


def test_a_type_or_tag_that_is_none_is_an_error_on_the_form(admin_client: Client) -> None:
    response = asked(admin_client, factories.knowledge_base(), types="exe", tags="x" * 61)
    assert set(response.context["form"].errors) == {"types", "tags"}
    assert not Query.objects.exists()


def test_reranking_is_offered_only_with_a_reranker(admin_client: Client) -> None:
    base = factories.knowledge_base()
    assert admin_client.get(URL).context["form"].fields["rerank"].disabled
    assert asked(admin_client, base, rerank="on").context["tried"] is not None
