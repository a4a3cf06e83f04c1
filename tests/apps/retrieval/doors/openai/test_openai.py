"""OpenAI's own client, asking knowledge bases."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import openai
import pytest
from django.test import Client
from openai import OpenAI

from apps.documents.models import Document, DocumentVersion, KnowledgeBase, Visibility
from apps.models.gateway import Purpose, TextRole, embed
from apps.models.selectors import embedding_model_default
from apps.retrieval.models import Answer, Query
from ragsite.gateway.keys import api_key_create
from ragsite.gateway.models import Permission
from tests import factories as make
from tests.acting import ACTOR
from tests.openai_client import HOST, openai_client

pytestmark = pytest.mark.django_db

QUESTION, SENTENCE = "How many berths for guests has the harbour?", "The harbour has 42 berths for guests."
EMBEDDING = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture
def base() -> KnowledgeBase:
    return make.knowledge_base(name="Harbour Rules")


@pytest.fixture
def version(base: KnowledgeBase) -> DocumentVersion:
    return make.ready_version(base)


@pytest.fixture
def key(base: KnowledgeBase) -> str:
    return make.api_key(base.tenant)


@pytest.fixture
def client(key: str) -> OpenAI:
    return openai_client(key)


def asked(text: str = QUESTION, *before: Any) -> list[Any]:
    return [*before, {"role": "user", "content": text}]


def test_models_are_knowledge_bases_all_of_them_together_and_what_embeds(client: OpenAI, base: KnowledgeBase) -> None:
    make.knowledge_base(of=base.tenant, name="Archive")
    make.knowledge_base(name="Of another tenant")
    listed = client.models.list().data
    assert [one.id for one in listed] == ["ragsite", "Archive", "Harbour Rules", EMBEDDING]
    assert {one.object for one in listed} == {"model"}
    one = client.models.retrieve("Harbour Rules")
    assert one.model_extra is not None
    assert one.model_extra["ragsite"] == {"kind": "knowledge_base", "id": str(base.pk)}
    assert one.created == int(base.created_at.timestamp())
    assert client.models.retrieve(EMBEDDING).id == EMBEDDING


def test_a_knowledge_base_that_would_be_taken_for_something_else_goes_by_its_id(
    client: OpenAI, base: KnowledgeBase
) -> None:
    odd = make.knowledge_base(of=base.tenant, name="ragsite")
    assert [one.id for one in client.models.list().data][:3] == ["ragsite", "Harbour Rules", str(odd.pk)]


@pytest.mark.parametrize("written", ["float", "base64"])
def test_embeddings_are_those_of_the_gateway(client: OpenAI, base: KnowledgeBase, written: Any) -> None:
    texts = ["berths for guests", "life jackets"]
    model = embedding_model_default()
    due = embed(texts, role=TextRole.DOCUMENT, model=model, purpose=Purpose.QUERY, deadline=make.soon())
    found = client.embeddings.create(model=EMBEDDING, input=texts, encoding_format=written)
    rows: Any = [one.embedding for one in found.data]
    if written == "base64":
        rows = [np.frombuffer(base64.b64decode(row), dtype="<f4") for row in rows]
    assert np.array_equal(np.array(rows, dtype=np.float32), due)
    assert [one.index for one in found.data] == [0, 1]


def test_one_text_has_one_vector_of_the_width_that_was_asked_for(client: OpenAI, base: KnowledgeBase) -> None:
    (one,) = client.embeddings.create(model=EMBEDDING, input="berths", dimensions=384).data
    assert len(one.embedding) == 384
    with pytest.raises(openai.UnprocessableEntityError, match=r"dimensions is 100: .* have 384"):
        client.embeddings.create(model=EMBEDDING, input="berths", dimensions=100)


@pytest.mark.parametrize("texts", [[], "", [""], [1, 2], ["a"] * 257])
def test_what_is_no_text_to_embed_is_refused(client: OpenAI, texts: Any) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        client.embeddings.create(model=EMBEDDING, input=texts)
    assert str(refused.value.param).startswith("input")


def test_a_chat_has_the_answer_and_the_citations_of_ask(client: OpenAI, key: str, version: DocumentVersion) -> None:
    rest = Client(headers={"Authorization": f"Bearer {key}"})
    same = rest.post("/api/v1/ask", {"question": QUESTION}, content_type="application/json").json()
    done = client.chat.completions.create(model="Harbour Rules", messages=asked())
    (choice,) = done.choices
    assert (choice.message.content, choice.finish_reason, choice.message.role) == (same["answer"], "stop", "assistant")
    assert done.model_extra is not None
    told = done.model_extra["ragsite"]
    assert done.id == f"chatcmpl-{told['id']}"
    spans = [
        [(one["version"], one["start"], one["end"], one["quote"]) for one in of["citations"]] for of in (told, same)
    ]
    assert spans[0] == spans[1]
    assert choice.message.annotations is not None
    first = choice.message.annotations[0].url_citation
    assert same["answer"][first.start_index : first.end_index] == SENTENCE
    assert first.url == f"{HOST}/api/v1/versions/{version.pk}/"
    assert rest.get(first.url.removeprefix(HOST)).status_code == 200
    assert [one.model_extra["citation"] for one in choice.message.annotations if one.model_extra] == [
        one["id"] for one in told["citations"]
    ]
    assert rest.get(f"/api/v1/answers/{told['id']}").json() == told | {"indexing": None}


def test_what_the_documents_do_not_say_is_said_to_be_not_found(client: OpenAI, version: DocumentVersion) -> None:
    done = client.chat.completions.create(model="ragsite", messages=asked("Who composed the ninth symphony?"))
    assert done.choices[0].message.content == "Not found in your documents."
    assert done.choices[0].message.annotations == []


@pytest.mark.parametrize("name", ["ragsite", "Harbour Rules", "harbour-rules", "id"])
def test_a_knowledge_base_is_named_by_its_id_its_name_or_its_slug(
    client: OpenAI, base: KnowledgeBase, version: DocumentVersion, name: str
) -> None:
    done = client.chat.completions.create(model=str(base.pk) if name == "id" else name, messages=asked())
    assert SENTENCE in str(done.choices[0].message.content)


def test_a_model_that_is_named_is_all_that_is_searched(
    client: OpenAI, base: KnowledgeBase, version: DocumentVersion
) -> None:
    make.knowledge_base(of=base.tenant, name="Archive")
    done = client.chat.completions.create(model="Archive", messages=asked())
    assert done.choices[0].message.content == "Not found in your documents."


def test_a_slug_of_several_is_refused_with_their_ids(client: OpenAI, base: KnowledgeBase) -> None:
    other = make.knowledge_base(of=base.tenant, name="harbour  rules")
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        client.chat.completions.create(model="harbour-rules", messages=asked())
    assert {str(base.pk), str(other.pk)} <= set(refused.value.message.replace(".", " ").replace(",", " ").split())
    assert not Query.objects.exists()


def test_what_a_caller_may_not_read_is_no_model(base: KnowledgeBase, version: DocumentVersion) -> None:
    hidden = make.knowledge_base(of=base.tenant, name="Hidden", visibility=Visibility.RESTRICTED)
    others = openai_client(make.api_key(make.tenant()))
    own = openai_client(make.api_key(base.tenant))
    assert "Hidden" not in [one.id for one in own.models.list().data]
    for client, name in [(own, "Hidden"), (own, str(hidden.pk)), (others, "Harbour Rules"), (others, str(base.pk))]:
        with pytest.raises(openai.NotFoundError) as missing:
            client.chat.completions.create(model=name, messages=asked())
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve(name)
    assert not Query.objects.exists()


def test_a_restricted_document_answers_only_who_was_granted_it(base: KnowledgeBase, version: DocumentVersion) -> None:
    Document.objects.update(restricted=True)
    everything = tuple(Permission)
    key, text = api_key_create(tenant=base.tenant, name="granted", permissions=everything, actor=ACTOR)
    make.grant(version.document, key)
    found = {}
    for who, one in {"stranger": make.api_key(base.tenant), "granted": text}.items():
        done = openai_client(one).chat.completions.create(model="Harbour Rules", messages=asked())
        found[who] = SENTENCE in str(done.choices[0].message.content)
    assert found == {"stranger": False, "granted": True}


def test_a_wrong_key_is_an_authentication_error_and_a_key_without_the_right_a_denial(base: KnowledgeBase) -> None:
    with pytest.raises(openai.AuthenticationError) as wrong:
        openai_client("sk-nothing").models.list()
    assert (wrong.value.code, wrong.value.type) == ("not_authenticated", "authentication_error")
    assert wrong.value.request_id
    with pytest.raises(openai.PermissionDeniedError, match="'query'"):
        openai_client(make.api_key(base.tenant, Permission.READ)).chat.completions.create(
            model="ragsite", messages=asked()
        )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "Tools are not called"),
        ({"tool_choice": "required"}, "Tools are not called"),
        ({"response_format": {"type": "json_object"}}, "Answers are text"),
        ({"n": 2}, "one answer"),
        ({"logprobs": True}, "Probabilities"),
        ({"stop": ["."]}, "not cut"),
        ({"top_p": 0.1}, "all of the probability"),
        ({"frequency_penalty": 1.0}, "not written by this"),
        ({"temperature": 2.5}, "less than or equal to 2"),
        ({"max_tokens": 0}, "greater than or equal to 1"),
        ({"extra_body": {"repetition_penalty": 1.1}}, "This is unknown"),
        ({"extra_body": {"ragsite": {"knowledge_bases": []}}}, "Name the knowledge base as `model`"),
    ],
)
def test_what_would_change_the_answer_and_is_not_done_is_refused_in_words(
    client: OpenAI, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match=words) as refused:
        client.chat.completions.create(model="ragsite", messages=asked(), **given)
    assert str(refused.value.param).startswith(next(iter(given.get("extra_body", given))))
    assert not Query.objects.exists()


def test_what_changes_nothing_is_taken_from_every_client(client: OpenAI, version: DocumentVersion) -> None:
    done = client.chat.completions.create(
        model="ragsite",
        messages=asked(QUESTION, {"role": "system", "content": "Answer in verse."}),
        user="u", seed=7, n=1, top_p=1, stop=None, temperature=0, max_tokens=64, store=False, metadata={"a": "b"}, tools=[],
    )  # fmt: skip
    assert SENTENCE in str(done.choices[0].message.content)
    assert Query.objects.get().options == {"temperature": 0.0, "max_tokens": 64}


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([{"role": "system", "content": "Be kind."}], "The last message must be the user's"),
        ([*asked(), {"role": "assistant", "content": "It has"}], "The last message must be the user's"),
        (asked(" "), "The question is not valid"),
        (asked("x" * 2001), "at most 2000 characters"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}], "'image_url': only text"),
        ([{"role": "tool", "content": "x", "tool_call_id": "1"}], "'user'"),
        ([], "at least 1 item"),
    ],
)
def test_messages_that_ask_nothing_are_refused(client: OpenAI, messages: Any, words: str) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match=words):
        client.chat.completions.create(model="ragsite", messages=messages)
    assert not Answer.objects.exists()


def test_a_question_may_come_in_parts_and_the_search_be_told_how(client: OpenAI, version: DocumentVersion) -> None:
    parts = [{"type": "text", "text": "How many berths"}, {"type": "text", "text": "for guests has the harbour?"}]
    done = client.chat.completions.create(
        model="ragsite",
        messages=[{"role": "user", "content": parts}],  # type: ignore[typeddict-item]
        extra_body={"ragsite": {"mode": "lexical", "top_k": 1}},
    )
    assert done.model_extra is not None
    assert done.model_extra["ragsite"]["searched"]["mode"] == "lexical"
    assert len(done.model_extra["ragsite"]["passages"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/v1/nothing", 404, "not_found"),
        ("get", "/v1/chat/completions", 405, "method_not_allowed"),
        ("post", "/v1/chat/completions", 400, "bad_request"),
    ],
)
def test_what_frameworks_refuse_is_said_in_openais_shape_too(
    key: str, method: str, path: str, status: int, code: str
) -> None:
    client = Client(headers={"Authorization": f"Bearer {key}"})
    response = client.generic(method.upper(), path, "{", content_type="application/json")
    assert (response.status_code, response["Content-Type"]) == (status, "application/json")
    assert int(response.get("Content-Length", len(response.content))) == len(response.content)
    error = response.json()["error"]
    assert (error["code"], error["type"], error["param"]) == (code, "invalid_request_error", None)
    assert response["X-Request-ID"]
