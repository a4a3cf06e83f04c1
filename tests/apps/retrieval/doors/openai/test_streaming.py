"""OpenAI's own client, reading along; and the responses API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from django.test import Client
from openai import OpenAI

from apps.documents.models import DocumentVersion
from apps.retrieval.doors import telling
from apps.retrieval.models import Answer, Query
from ragsite.core.errors import ModelUnavailableError
from tests import factories as make
from tests.apps.retrieval.answers.streaming import StreamingGenerator
from tests.apps.retrieval.streaming.inline import runs_inline
from tests.openai_client import HOST, openai_client

pytestmark = pytest.mark.django_db

QUESTION, SENTENCE = "How many berths for guests has the harbour?", "The harbour has 42 berths for guests."
OFF_TOPIC, NOT_FOUND = "Who composed the ninth symphony?", "Not found in your documents."


@pytest.fixture(autouse=True)
def _inline() -> Iterator[None]:
    with runs_inline():
        yield


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version(make.knowledge_base(name="Harbour"))


@pytest.fixture
def key(version: DocumentVersion) -> str:
    return make.api_key(version.document.tenant)


@pytest.fixture
def client(key: str) -> OpenAI:
    return openai_client(key)


@pytest.fixture
def same(key: str) -> dict[str, Any]:
    """The answer of the REST API."""
    rest = Client(headers={"Authorization": f"Bearer {key}"})
    found: dict[str, Any] = rest.post("/api/v1/ask", {"question": QUESTION}, content_type="application/json").json()
    return found


def spans(answer: Any) -> list[tuple[Any, ...]]:
    return [(one["version"], one["start"], one["end"], one["quote"]) for one in answer["citations"]]


def chunks(client: OpenAI, question: str = QUESTION, **more: Any) -> list[Any]:
    messages: Any = [{"role": "user", "content": question}]
    return list(client.chat.completions.create(model="Harbour", messages=messages, stream=True, **more))


def text_of(told: list[Any]) -> str:
    return "".join(one.choices[0].delta.content or "" for one in told if one.choices)


def test_a_streamed_chat_has_the_text_and_the_citations_of_ask(client: OpenAI, same: dict[str, Any]) -> None:
    told = chunks(client)
    first, last = told[0], told[-1]
    assert (first.choices[0].delta.role, first.choices[0].finish_reason) == ("assistant", None)
    assert text_of(told) == same["answer"]
    assert last.choices[0].finish_reason == "stop"
    answer = last.model_extra["ragsite"]
    assert spans(answer) == spans(same)
    assert {one.id for one in told} == {f"chatcmpl-{answer['id']}"}
    cited = last.choices[0].delta.model_extra["annotations"]
    assert [one["citation"] for one in cited] == [one["id"] for one in answer["citations"]]
    place = cited[0]["url_citation"]
    assert text_of(told)[place["start_index"] : place["end_index"]] == SENTENCE
    assert all(one.usage is None for one in told)


def test_usage_comes_last_where_it_is_asked_for(client: OpenAI, version: DocumentVersion) -> None:
    *_, last = chunks(client, stream_options={"include_usage": True})
    assert (last.choices, last.usage.total_tokens) == ([], 0)


def test_what_is_not_found_is_said_in_a_stream_too(client: OpenAI) -> None:
    told = chunks(client, OFF_TOPIC)
    assert (text_of(told), told[-1].model_extra["ragsite"]["found"]) == (NOT_FOUND, False)


def test_what_is_refused_is_refused_before_a_stream_begins(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="x", messages=[{"role": "user", "content": QUESTION}], stream=True)
    assert not Query.objects.exists()


def write_with(monkeypatch: pytest.MonkeyPatch, *generators: StreamingGenerator) -> None:
    monkeypatch.setattr(telling, "generators_for", lambda request, options: generators)


def test_a_failure_within_a_stream_is_an_error_of_the_client(client: OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    write_with(monkeypatch, StreamingGenerator([SENTENCE], ModelUnavailableError("No worker.")))
    with pytest.raises(openai.APIError, match="No worker") as failed:
        chunks(client)
    assert failed.value.code == "model_unavailable"
    assert not Answer.objects.exists()
    *_, last = client.responses.create(model="Harbour", input=QUESTION, stream=True)
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert last.response.error.code == "model_unavailable"


def test_no_second_text_is_put_behind_one_that_was_withdrawn(client: OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    second = "A berth costs 31 euros a night, electricity included."
    gave_up = StreamingGenerator([second], ModelUnavailableError("No worker."), name="large")
    write_with(monkeypatch, gave_up, StreamingGenerator([SENTENCE]))
    with pytest.raises(openai.APIError, match="withdrawn"):
        chunks(client)


@pytest.mark.parametrize("given", [QUESTION, [{"role": "user", "content": [{"type": "input_text", "text": QUESTION}]}]])
def test_a_response_has_the_text_and_the_citations_of_ask(client: OpenAI, same: dict[str, Any], given: Any) -> None:
    done = client.responses.create(model="Harbour", input=given, instructions="Answer in verse.", temperature=0)
    assert (done.output_text, done.status) == (same["answer"], "completed")
    assert done.model_extra is not None
    answer = done.model_extra["ragsite"]
    assert (spans(answer), done.id) == (spans(same), f"resp_{answer['id']}")
    (item,) = done.output
    assert item.type == "message"
    (content,) = item.content
    assert content.type == "output_text"
    first = content.annotations[0]
    assert first.type == "url_citation"
    assert done.output_text[first.start_index : first.end_index] == SENTENCE
    assert first.url == f"{HOST}/api/v1/versions/{same['citations'][0]['version']}/"
    assert done.usage is not None
    assert done.usage.total_tokens == 0


def test_a_streamed_response_is_put_together_by_the_client_as_it_is_told_as_a_whole(
    client: OpenAI, same: dict[str, Any]
) -> None:
    with client.responses.stream(model="Harbour", input=QUESTION) as stream:
        events = list(stream)
        whole = stream.get_final_response()
    kinds = [one.type for one in events]
    assert [kinds[0], kinds[-1]] == ["response.created", "response.completed"]
    assert "".join(one.delta for one in events if one.type == "response.output_text.delta") == same["answer"]
    numbers = [one.sequence_number for one in events]
    assert numbers == list(range(len(numbers)))
    assert whole.output_text == same["answer"]
    assert whole.model_extra is not None
    assert spans(whole.model_extra["ragsite"]) == spans(same)
    cited = [one for one in events if one.type == "response.output_text.annotation.added"]
    assert len(cited) == len(same["citations"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"previous_response_id": "resp_1"}, "send it as messages"),
        ({"conversation": "conv_1"}, "send it as messages"),
        ({"background": True}, "waited for, or streamed"),
        ({"tools": [{"type": "web_search"}]}, "Tools are not called"),
        ({"text": {"format": {"type": "json_object"}}}, "Answers are text"),
        ({"input": [{"type": "function_call_output", "call_id": "1", "output": "x"}]}, "input"),
    ],
)
def test_what_a_response_cannot_be_is_refused_in_words(client: OpenAI, given: dict[str, Any], words: str) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match=words):
        client.responses.create(**({"model": "ragsite", "input": QUESTION} | given))
    assert not Query.objects.exists()
