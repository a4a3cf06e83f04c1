"""LlamaIndex's own classes, fed by ragsite."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core.base.response.schema import AsyncStreamingResponse, StreamingResponse
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.schema import MetadataMode, NodeWithScore
from ragsite_client import Answer, Client
from ragsite_client.llamaindex import AnswerWithdrawnError, RagsiteQueryEngine, RagsiteRetriever

from tests import factories as make
from tests.apps.retrieval.streaming.inline import runs_inline
from tests.client.serving import Script, client_of, problem_body, reply, sent, streamed

QUESTION, SENTENCE = "How many berths for guests has the harbour?", "The harbour has 42 berths for guests."


@pytest.fixture
def client(db: None) -> Iterator[Client]:
    with client_of(make.api_key(make.ready_version().document.tenant)) as made:
        yield made


def spans(nodes: list[NodeWithScore]) -> list[tuple[Any, ...]]:
    return [
        (one.metadata["version"], one.metadata["start"], one.metadata["end"], one.node.get_content()) for one in nodes
    ]


def cited(answer: Answer) -> list[tuple[Any, ...]]:
    return [(one.version, one.start, one.end, one.quote) for one in answer.citations]


def test_a_retrievers_nodes_are_the_passages_with_where_they_stand(client: Client) -> None:
    found = client.search(QUESTION, top_k=2).passages
    nodes = RagsiteRetriever(client, top_k=2).retrieve(QUESTION)
    assert spans(nodes) == [(one.version, one.start, one.end, one.text) for one in found]
    assert [one.score for one in nodes] == [one.score for one in found]
    best, node = found[0], nodes[0].node
    assert (node.ref_doc_id, node.start_char_idx, node.metadata["knowledge_base"]) == (
        best.document, best.start, best.knowledge_base,
    )  # fmt: skip
    assert "title: handbook.md" in node.get_content(MetadataMode.LLM)
    assert best.version not in node.get_content(MetadataMode.LLM)


def test_llamaindexs_own_engine_works_with_the_retriever(client: Client) -> None:
    retriever = RagsiteRetriever(client, top_k=1)
    made = get_response_synthesizer(llm=MockLLM(), response_mode=ResponseMode.COMPACT)
    response = RetrieverQueryEngine(retriever, made).query(QUESTION)
    assert SENTENCE in str(response)
    assert spans(response.source_nodes) == spans(retriever.retrieve(QUESTION))


def test_a_query_is_answered_with_the_citations_as_its_sources(client: Client) -> None:
    response = RagsiteQueryEngine(client).query(QUESTION)
    answer = client.answer(response.metadata["answer"])
    assert (str(response), spans(response.source_nodes)) == (answer.answer, cited(answer))
    assert {one.metadata["verdict"] for one in response.source_nodes} == {"supported"}
    assert (response.metadata["found"], response.metadata["generator"]) == (True, answer.generator)
    assert SENTENCE in response.get_formatted_sources()


def test_a_streamed_query_has_the_same_text_and_sources(client: Client) -> None:
    with runs_inline():
        response = RagsiteQueryEngine(client, streaming=True).query(QUESTION)
        assert isinstance(response, StreamingResponse)
        text = "".join(response.response_gen)
    answer = client.answer(response.metadata["answer"])
    assert (text, spans(response.source_nodes)) == (answer.answer, cited(answer))


def test_what_is_not_found_is_said_in_the_text_though_nothing_was_streamed(client: Client) -> None:
    nothing = {"filters": {"tags": {"all": ["none"]}}}
    with runs_inline():
        streamed_text = str(RagsiteQueryEngine(client, streaming=True, **nothing).query(QUESTION))
    response = RagsiteQueryEngine(client, **nothing).query(QUESTION)
    assert str(response) == streamed_text == "Not found in your documents."
    assert (response.source_nodes, response.metadata["found"]) == ([], False)


ANSWER = {
    "id": "a1", "question": "When?", "answer": "At seven.", "found": True, "sentences": [], "passages": [], "generator": "x",
    "citations": [
        {"id": 1, "claim": 0, "quote": "At seven.", "document": "d", "title": "t", "version": "v", "version_number": 1,
         "start": 0, "end": 9},
    ],
    "created_at": "2026-01-02T03:04:05Z",
}  # fmt: skip
CREATED = sent(1, "response.created", {"id": "a1", "question": "When?"})
DELTA = sent(2, "response.output_text.delta", {"claim": 0, "text": "At seven."})
PASSAGE = ANSWER["citations"][0] | {"knowledge_base": "k", "chunk": 1, "text": "At seven."}


def test_the_asynchronous_ways_tell_the_same() -> None:
    async def ask() -> None:
        events = streamed(CREATED, DELTA, sent(3, "response.completed", ANSWER))
        client = Script(reply({"passages": [PASSAGE]}), reply(ANSWER), events).client()
        nodes = await RagsiteRetriever(client).aretrieve("When?")
        response = await RagsiteQueryEngine(client).aquery("When?")
        stream = await RagsiteQueryEngine(client, streaming=True).aquery("When?")
        assert isinstance(stream, AsyncStreamingResponse)
        texts = [text async for text in stream.async_response_gen()]
        assert texts == [str(response)] == ["At seven."]
        assert spans(nodes) == spans(response.source_nodes) == spans(stream.source_nodes) == [("v", 0, 9, "At seven.")]

    asyncio.run(ask())


@pytest.mark.parametrize("said", [True, False])
def test_a_text_that_is_withdrawn_is_an_error_if_some_of_it_was_given(said: bool) -> None:
    gave_up = sent(
        3, "response.output_text.withdrawn", {"generator": "local", "problem": problem_body("worker_lost", 503)}
    )
    again = sent(4, "response.output_text.delta", {"claim": 0, "text": "At eight."})
    completed = sent(5, "response.completed", ANSWER | {"answer": "At eight."})
    before = [DELTA] if said else []
    client = Script(streamed(CREATED, *before, gave_up, again, completed)).client()
    response = RagsiteQueryEngine(client, streaming=True).query("When?")
    if said:
        with pytest.raises(AnswerWithdrawnError, match="local gave up: It is worker_lost"):
            str(response)
    else:
        assert str(response) == "At eight."
