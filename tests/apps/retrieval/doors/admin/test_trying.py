from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.models.gateway import using_transport
from apps.retrieval.models import Answer, Query
from tests import factories
from tests.apps.retrieval.counting import searches
from tests.apps.retrieval.transports import CountingTransport

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
    assert query.asked_by == "admin, admin"
    assert query.tenant == version.document.tenant


def test_only_the_chosen_knowledge_base_is_searched(admin_client: Client) -> None:
    of = factories.tenant()
    factories.ready_version(factories.knowledge_base(of=of))
    empty = factories.knowledge_base(of=of)
    tried = asked(admin_client, empty).context["tried"]
    assert tried.passages == []
    assert not tried.answer.found


def test_by_meaning_alone_a_model_that_does_not_answer_is_a_message_in_words(
    admin_client: Client, settings: Any
) -> None:
    version = factories.ready_version()
    settings.RAGSITE_SEARCH_SECONDS = 0.05
    with using_transport("queue"):
        response = asked(admin_client, version.document.knowledge_base, mode="dense")
    assert response.status_code == 200
    assert response.context["tried"] is None
    (message,) = response.context["messages"]
    assert message.level_tag == "error"
    assert not Query.objects.exists()


def test_without_a_model_the_answer_is_made_by_words_and_every_page_says_so(
    admin_client: Client, settings: Any
) -> None:
    version = factories.ready_version()
    settings.RAGSITE_SEARCH_SECONDS = 0.05
    with using_transport("queue"):
        response = asked(admin_client, version.document.knowledge_base)
    assert response.context["tried"].answer.text == SENTENCE
    assert response.context["tried"].search.mode == "lexical"
    answer = Answer.objects.get()
    details = [one["detail"] for one in answer.degraded]
    assert [one["step"] for one in answer.degraded] == ["embed"]
    later = [
        admin_client.get(f"/admin/retrieval/query/{answer.query_id}/change/"),
        admin_client.get(f"/admin/retrieval/answer/{answer.pk}/change/"),
    ]
    for page in (html.unescape(one.content.decode()) for one in (response, *later)):
        assert all(detail in page for detail in details)


def test_a_question_that_is_tried_is_embedded_once_and_searched_for_once(
    admin_client: Client, use_transport: Callable[[Any], None]
) -> None:
    version = factories.ready_version()
    transport = CountingTransport()
    use_transport(transport)
    with searches() as counted:
        response = asked(admin_client, version.document.knowledge_base)
    assert response.context["tried"].answer.found
    assert counted == {"dense": 1, "lexical": 1}
    assert transport.texts.count(SENTENCE) == 1


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


def test_an_unknown_mode_is_an_error_on_the_form(admin_client: Client, db: None) -> None:
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


def test_an_invalid_type_or_tag_is_an_error_on_the_form(admin_client: Client) -> None:
    response = asked(admin_client, factories.knowledge_base(), types="exe", tags="x" * 61)
    assert set(response.context["form"].errors) == {"types", "tags"}
    assert not Query.objects.exists()


def test_reranking_is_offered_only_with_a_reranker(admin_client: Client) -> None:
    base = factories.knowledge_base()
    assert admin_client.get(URL).context["form"].fields["rerank"].disabled
    assert asked(admin_client, base, rerank="on").context["tried"] is not None
