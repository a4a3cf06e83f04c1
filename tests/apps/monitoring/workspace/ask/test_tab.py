"""Asking in the admin without the tab's script: a form that is sent gives the finished answer."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.documents.models import DocumentVersion, KnowledgeBase, Visibility
from apps.models.gateway import using_transport
from apps.retrieval.doors import recalling
from apps.retrieval.models import Answer, Conversation, Query
from ragsite.gateway.models import Role
from tests import factories as make
from tests.apps.monitoring.workspace.test_pages import staff
from tests.apps.retrieval.conftest import use_transport  # noqa: F401 - a fixture
from tests.apps.retrieval.counting import searches
from tests.apps.retrieval.transports import CountingTransport

pytestmark = pytest.mark.django_db
SENTENCE = "A berth costs 31 euros a night, electricity included."


def tab(base: KnowledgeBase) -> str:
    return f"/admin/knowledge-bases/{base.pk}/ask/"


def asked(client: Client, base: KnowledgeBase, question: str = SENTENCE, **fields: Any) -> Any:
    return client.post(tab(base), {"question": question, **fields})


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version()


@pytest.fixture
def base(version: DocumentVersion) -> KnowledgeBase:
    return version.document.knowledge_base


def test_the_answer_stands_with_its_sources_and_the_passages(admin_client: Client, version: DocumentVersion) -> None:
    page = text_of(asked(admin_client, version.document.knowledge_base))
    assert SENTENCE in page
    assert page.count('class="rag-ask-passage') == 4  # the list and three passages
    assert f"/documents/{version.document_id}/?version=1&start=" in page
    assert "Harbour handbook › Berths" in page
    assert f"{SENTENCE} [1]" in page


def test_passages_and_sources_are_called_by_words_and_the_file_is_told_of(admin_client: Client) -> None:
    base = make.ready_version(filename="HARBOUR_&_RULES.md").document.knowledge_base
    page = asked(admin_client, base).content.decode()
    assert page.count('<span title="HARBOUR_&amp;_RULES.md">Harbour &amp; Rules</span></strong>') == 3
    assert 'title="Harbour &amp; Rules, version 1' in page
    assert 'aria-label="Source 1: Harbour &amp; Rules"' in page


def test_who_asked_is_noted_with_the_question_in_a_conversation(admin_client: Client, base: KnowledgeBase) -> None:
    asked(admin_client, base)
    query = Query.objects.get()
    assert (query.asked_by, query.tenant, query.turn) == ("admin, admin", base.tenant, 1)
    assert query.conversation == Conversation.objects.get()


def test_a_follow_up_goes_on_with_the_conversation_and_what_was_said_stays_on_the_page(
    admin_client: Client, base: KnowledgeBase
) -> None:
    asked(admin_client, base, "How many berths for guests has the harbour?")
    held = Conversation.objects.get()
    page = text_of(asked(admin_client, base, "And what does one cost?", conversation=held.pk))
    assert Query.objects.filter(conversation=held).count() == 2
    assert page.count("How many berths for guests has the harbour?") >= 1
    opened = text_of(admin_client.get(f"{tab(base)}?conversation={held.pk}"))
    assert opened.index("And what does one cost?") < opened.index("How many berths for guests has the harbour?")


def test_a_conversation_of_somebody_else_is_not_shown_and_not_gone_on_with(
    admin_client: Client, base: KnowledgeBase
) -> None:
    asked(admin_client, base, "How many berths for guests has the harbour?")
    held, other = Conversation.objects.get(), staff(base.tenant, "view_query")
    assert "How many berths" not in text_of(other.get(f"{tab(base)}?conversation={held.pk}"))
    assert "There is no conversation" in text_of(asked(other, base, conversation=held.pk))
    assert Query.objects.count() == 1


def test_the_page_costs_the_same_whatever_was_said(admin_client: Client, base: KnowledgeBase) -> None:
    asked(admin_client, base)
    address = f"{tab(base)}?conversation={Conversation.objects.get().pk}"
    admin_client.get(address)
    with CaptureQueriesContext(connection) as once:
        admin_client.get(address)
    for question in ("How many berths?", "Who wears life jackets?"):
        asked(admin_client, base, question, conversation=Conversation.objects.get().pk)
    with CaptureQueriesContext(connection) as more:
        admin_client.get(address)
    assert len(more) == len(once)


def test_by_meaning_alone_a_model_that_does_not_answer_is_a_message_in_words(
    admin_client: Client, base: KnowledgeBase, settings: Any
) -> None:
    settings.RAGSITE_SEARCH_SECONDS = 0.05
    with using_transport("queue"):
        response = asked(admin_client, base, **{"a-mode": "dense"})
    assert response.context["answers"] == []
    (message,) = response.context["messages"]
    assert message.level_tag == "error"
    assert not Query.objects.exists()
    assert not Conversation.objects.exists()


def test_without_a_model_the_answer_is_made_by_words_and_every_page_says_so(
    admin_client: Client, base: KnowledgeBase, settings: Any
) -> None:
    settings.RAGSITE_SEARCH_SECONDS = 0.05
    with using_transport("queue"):
        response = asked(admin_client, base)
    answer = Answer.objects.get()
    assert [one["step"] for one in answer.degraded] == ["embed"]
    later = [
        admin_client.get(f"/admin/retrieval/query/{answer.query_id}/change/"),
        admin_client.get(f"/admin/retrieval/answer/{answer.pk}/change/"),
    ]
    for page in map(text_of, (response, *later)):
        assert all(one["detail"] in page for one in answer.degraded)


def test_a_question_is_embedded_once_and_searched_for_once(
    admin_client: Client,
    base: KnowledgeBase,
    use_transport: Callable[[Any], None],  # noqa: F811
) -> None:
    transport = CountingTransport()
    use_transport(transport)
    with searches() as counted:
        asked(admin_client, base)
    assert counted == {"dense": 1, "lexical": 1}
    assert transport.texts.count(SENTENCE) == 1


@pytest.mark.parametrize(
    ("mode", "said", "not_said"),
    [
        ("hybrid", ("by meaning", "by words rank 1", "(counts 55 %)"), ()),
        ("dense", ("by meaning", "Searched by meaning alone."), ("by words rank",)),
        ("lexical", ("by words rank 1", "Searched by words alone."), ("by meaning 0.",)),
    ],
)
def test_what_each_step_thought_of_a_passage_is_said_in_words(
    admin_client: Client, base: KnowledgeBase, mode: str, said: tuple[str, ...], not_said: tuple[str, ...]
) -> None:
    page = text_of(asked(admin_client, base, **{"a-mode": mode}))
    assert [one for one in said if one not in page] == []
    assert [one for one in not_said if one in page] == []


def test_two_settings_are_answered_side_by_side_and_in_no_conversation(
    admin_client: Client, base: KnowledgeBase
) -> None:
    response = asked(
        admin_client, base, compare="on", **{"a-mode": "lexical", "b-mode": "dense", "a-anew": "on", "b-anew": "on"}
    )
    assert len(response.context["answers"]) == 2
    assert {one.searched["mode"] for one in Answer.objects.all()} == {"lexical", "dense"}
    assert not Conversation.objects.exists()


def test_a_language_model_is_left_out_on_demand(admin_client: Client, base: KnowledgeBase, settings: Any) -> None:
    settings.RAGSITE_GENERATOR = "openai:http://127.0.0.1:9#none"
    page = text_of(asked(admin_client, base, **{"a-writer": "none"}))
    assert SENTENCE in page
    assert Answer.objects.get().degraded == []
    assert Query.objects.get().options == {"writes": False}


@pytest.mark.parametrize("anew", [True, False])
def test_an_answer_is_made_anew_on_demand(
    admin_client: Client, base: KnowledgeBase, settings: Any, *, anew: bool
) -> None:
    settings.RAGSITE_ANSWER_CACHE_SECONDS = 600
    asked(admin_client, base)
    page = text_of(asked(admin_client, base, **({"a-anew": "on"} if anew else {})))
    assert ("nothing has changed since" in page) != anew


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"question": " "}, "Type a question first."),
        ({"a-mode": "psychic"}, "psychic"),
        ({"a-types": "exe"}, "exe"),
        ({"a-tags": "x" * 61}, "tag"),
        ({"eyes": "nobody"}, "has no member called “nobody”"),
    ],
    ids=str,
)
def test_what_can_not_be_asked_says_so_on_the_form(
    admin_client: Client, base: KnowledgeBase, fields: dict[str, str], said: str
) -> None:
    assert said in text_of(asked(admin_client, base, **fields))
    assert not Query.objects.exists()


def test_a_link_fills_the_question_in_and_asks_nothing(admin_client: Client, base: KnowledgeBase) -> None:
    assert "When is high water?</textarea>" in text_of(admin_client.get(f"{tab(base)}?question=When is high water?"))
    assert text_of(admin_client.get(f"{tab(base)}?conversation=nonsense"))
    assert not Query.objects.exists()


def test_text_of_a_document_and_of_a_question_is_never_markup(admin_client: Client) -> None:
    sentence = "The <script>alert(1)</script> buoy is red."
    version = make.ready_version(content=sentence, filename="<img src=x onerror=alert(2)>.txt")
    page = asked(admin_client, version.document.knowledge_base, sentence).content.decode()
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page


def test_a_question_is_narrowed_to_tags_and_types_and_what_is_missed_says_so(admin_client: Client) -> None:
    base = make.ready_version(tags=["prices"]).document.knowledge_base
    asked(admin_client, base, **{"a-tags": "prices, other", "a-types": "md"})
    assert Answer.objects.get().found
    page = text_of(asked(admin_client, base, **{"a-tags": "other"}))
    assert "only those with the tags and of the types that were chosen" in page
    assert "Ask without these filters" in page


def test_what_is_not_found_says_what_was_searched_and_what_is_still_being_read(
    admin_client: Client, base: KnowledgeBase
) -> None:
    make.upload(base, "Moorings are blue.", filename="moorings.txt", title="Moorings")
    page = text_of(asked(admin_client, base, "Who wrote the second symphony of Brahms?"))
    assert f"All ready documents of {base.name} that may be read were searched" in page
    assert "The 3 nearest passages are below." in page
    assert "<li>Moorings</li>" in page


def test_reranking_is_offered_only_with_a_reranker(admin_client: Client, base: KnowledgeBase) -> None:
    assert "a-rerank" not in text_of(admin_client.get(tab(base)))


def test_who_may_not_read_it_learns_who_can_let_them_in(base: KnowledgeBase) -> None:
    KnowledgeBase.objects.update(visibility=Visibility.RESTRICTED)
    make.member(base.tenant, Role.OWNER, name="olga")
    client = staff(base.tenant, "view_query", "view_knowledgebase")
    for page in (text_of(client.get(tab(base))), text_of(asked(client, base))):
        assert f"You may not read {base.name} yet" in page
        assert "can let you in: olga." in page
    assert client.post(f"{tab(base)}stream/", {"question": SENTENCE}).status_code == 403
    assert not Query.objects.exists()


def test_without_the_permissions_to_mark_and_to_give_grants_there_are_no_such_buttons(base: KnowledgeBase) -> None:
    page = text_of(asked(staff(base.tenant, "view_query"), base))
    assert SENTENCE in page
    assert "rag-mark" not in page.replace("rag-marked", "")
    assert "Ask as" not in page


def test_the_page_that_was_there_before_leads_to_the_tab(admin_client: Client, base: KnowledgeBase) -> None:
    old = "/admin/retrieval/query/try/"
    assert admin_client.get(f"{old}?knowledge_base={base.pk}").headers["location"] == tab(base)
    assert admin_client.get(old).headers["location"] == tab(base)
    make.knowledge_base(of=base.tenant)
    for other in (old, f"{old}?knowledge_base=nonsense", f"{old}?page=2"):
        assert admin_client.get(other).headers["location"] == "/admin/documents/knowledgebase/", other


def test_an_answer_s_page_leads_to_asking_again(admin_client: Client, base: KnowledgeBase) -> None:
    asked(admin_client, base, "What does a berth cost, & who pays?")
    page = text_of(admin_client.get(f"/admin/retrieval/query/{Query.objects.get().pk}/change/"))
    assert f"{tab(base)}?question=What+does+a+berth+cost%2C+%26+who+pays%3F" in page


def member_with_a_secret(base: KnowledgeBase) -> User:
    """Somebody who was granted a restricted document that nobody else reads."""
    anna = make.member(base.tenant, name="anna")
    secret = make.ready_version(base, "The safe opens with 4711.", filename="safe.txt", restricted=True)
    make.grant(secret.document, anna)
    return anna


def test_one_asks_as_another_member_and_nothing_of_it_is_kept(
    base: KnowledgeBase, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RAGSITE_ANSWER_CACHE_SECONDS = 600
    member_with_a_secret(base)
    client = staff(base.tenant, "view_query", "add_grant", "view_knowledgebase")
    question = "The safe opens with what?"
    assert "4711" not in text_of(asked(client, base, question))
    kept = (Query.objects.count(), Answer.objects.count(), Conversation.objects.count())
    cached: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(recalling, "value_put", lambda key, *_args, **_options: cached.append(key))
        page = text_of(asked(client, base, question, eyes="anna"))
    assert cached == []
    assert "4711" in page
    assert "This is what anna would see. Nothing of it is kept" in page
    assert "/rate/" not in page
    assert (Query.objects.count(), Answer.objects.count(), Conversation.objects.count()) == kept
    assert "4711" not in text_of(asked(client, base, question)), "what anna may read was kept for somebody else"


def test_the_history_says_who_asked_as_whom(base: KnowledgeBase) -> None:
    member_with_a_secret(base)
    client = staff(base.tenant, "view_query", "add_grant", "view_knowledgebase")
    asked(client, base, eyes="anna")
    page = text_of(client.get(f"/admin/documents/knowledgebase/{base.pk}/history/"))
    assert "with the rights of anna; no answer was kept" in page
    assert "staff" in page


def test_asking_as_another_takes_the_permission_and_a_member_of_the_tenant(base: KnowledgeBase) -> None:
    anna = member_with_a_secret(base)
    client = staff(base.tenant, "view_query")
    assert "4711" not in text_of(asked(client, base, "The safe opens with what?", eyes="anna"))
    other = make.member(make.tenant(), name="otto")
    User.objects.filter(username="staff").delete()
    client = staff(base.tenant, "view_query", "add_grant")
    assert "has no member called “otto”" in text_of(asked(client, base, eyes=other.username))
    User.objects.filter(pk=anna.pk).update(is_active=False)
    assert "has no member called “anna”" in text_of(asked(client, base, eyes="anna"))


def test_as_somebody_who_reads_nothing_there_one_is_told_so(base: KnowledgeBase, admin_client: Client) -> None:
    make.member(base.tenant, name="anna")
    make.grant(base, User.objects.get(username="admin"))
    KnowledgeBase.objects.update(visibility=Visibility.RESTRICTED)
    page = text_of(asked(admin_client, base, eyes="anna"))
    assert f"anna may read nothing in {base.name}." in page
