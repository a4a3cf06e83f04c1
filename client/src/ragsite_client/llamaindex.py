"""ragsite as a retriever and a query engine of LlamaIndex. What is cited survives: each node names its span.

The asynchronous methods wait in a thread, so that there is one client and not two.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any, Unpack

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.response.schema import (
    RESPONSE_TYPE,
    AsyncStreamingResponse,
    Response,
    StreamingResponse,
)
from llama_index.core.callbacks import CallbackManager
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

from ragsite_client.client import Client
from ragsite_client.errors import RagsiteError
from ragsite_client.events import AnswerCompleted, AnswerCreated, AnswerEvent, Cited, TextDelta, TextWithdrawn
from ragsite_client.options import AskOptions, QueryOptions
from ragsite_client.types import Answer, Citation, Passage, Span

READ_BY_MODELS = frozenset({"title", "heading_path"})
"""The metadata that says something to a language model; ids and numbers do not."""

DELTAS = Generator[str, None, None]


class AnswerWithdrawnError(RagsiteError):
    """A text that was read along does not count any more; ask again."""


class RagsiteRetriever(BaseRetriever):
    """Searches by ragsite, with the rights of the client's key; options are those of `Client.search`."""

    def __init__(
        self,
        client: Client,
        *,
        knowledge_bases: Sequence[str] = (),
        callback_manager: CallbackManager | None = None,
        **options: Unpack[QueryOptions],
    ) -> None:
        super().__init__(callback_manager=callback_manager)
        self._client, self._knowledge_bases, self._options = client, tuple(knowledge_bases), options

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self._client.search(query_bundle.query_str, knowledge_bases=self._knowledge_bases, **self._options)
        return [passage_node(one) for one in found.passages]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


class RagsiteQueryEngine(BaseQueryEngine):
    """Asks ragsite, with the rights of the client's key; options are those of `Client.ask`.

    `source_nodes` of a response are the citations, in the order of the sentences, and its `metadata` has the answer's id. With
    `streaming` the text comes as it is made, and a response's `source_nodes` and `metadata` are complete when its text is.
    """

    def __init__(
        self,
        client: Client,
        *,
        knowledge_bases: Sequence[str] = (),
        streaming: bool = False,
        callback_manager: CallbackManager | None = None,
        **options: Unpack[AskOptions],
    ) -> None:
        super().__init__(callback_manager=callback_manager)
        self._client, self._knowledge_bases, self._options = client, tuple(knowledge_bases), options
        self._streaming = streaming

    def _get_prompt_modules(self) -> dict[str, Any]:
        return {}

    def _query(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        if self._streaming:
            nodes, about = list[NodeWithScore](), dict[str, Any]()
            return StreamingResponse(self._deltas(query_bundle, nodes, about), nodes, about)
        return self._answered(query_bundle)

    async def _aquery(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        if self._streaming:
            nodes, about = list[NodeWithScore](), dict[str, Any]()
            return AsyncStreamingResponse(_in_threads(self._deltas(query_bundle, nodes, about)), nodes, about)
        return await asyncio.to_thread(self._answered, query_bundle)

    def _answered(self, query: QueryBundle) -> Response:
        answer = self._client.ask(query.query_str, knowledge_bases=self._knowledge_bases, **self._options)
        return Response(answer.answer, citation_nodes(answer), _about(answer))

    def _deltas(self, query: QueryBundle, nodes: list[NodeWithScore], about: dict[str, Any]) -> DELTAS:
        """The text; what it rests on is added to `nodes`, and the rest to `about`.

        Raises:
            AnswerWithdrawnError: some of the text was given already.
        """
        asked = self._client.ask_stream(query.query_str, knowledge_bases=self._knowledge_bases, **self._options)
        with closing(asked) as events:
            yield from _texts(events, nodes, about)


def passage_node(passage: Passage) -> NodeWithScore:
    """A passage with where it stands."""
    return _node(passage, passage.text, knowledge_base=passage.knowledge_base, chunk=passage.chunk)


def citation_nodes(answer: Answer) -> list[NodeWithScore]:
    """What an answer rests on; each with the verdict on its sentence."""
    verdicts = {number: one.verdict for one in answer.sentences for number in one.citations}
    return [_cited(one, verdicts.get(one.id, "")) for one in answer.citations]


def _cited(citation: Citation, verdict: str) -> NodeWithScore:
    return _node(citation, citation.quote, claim=citation.claim, verdict=verdict)


def _node(span: Span, text: str, **more: Any) -> NodeWithScore:
    metadata = {
        "document": span.document,
        "title": span.title,
        "version": span.version,
        "version_number": span.version_number,
        "start": span.start,
        "end": span.end,
        "heading_path": list(span.heading_path),
        "place": asdict(span.place) if span.place else None,
    } | more
    unread = [name for name in metadata if name not in READ_BY_MODELS]
    node = TextNode(
        id_="-".join(str(one) for one in (span.version, span.start, span.end, *more.values())),
        text=text,
        start_char_idx=span.start,
        end_char_idx=span.end,
        metadata=metadata,
        excluded_llm_metadata_keys=unread,
        excluded_embed_metadata_keys=unread,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=span.document)},
    )
    return NodeWithScore(node=node, score=span.score)


def _about(answer: Answer) -> dict[str, Any]:
    return {
        "answer": answer.id,
        "found": answer.found,
        "generator": answer.generator,
        "model": answer.model,
        "degraded": [one.code for one in answer.degraded],
    }


def _texts(events: Generator[AnswerEvent, None, None], nodes: list[NodeWithScore], about: dict[str, Any]) -> DELTAS:
    said = False
    for event in events:
        match event:
            case AnswerCreated():
                about["answer"] = event.id
            case TextDelta():
                said = True
                yield event.text
            case Cited():
                nodes.append(_cited(event.citation, event.verdict))
            case TextWithdrawn() if said:
                raise AnswerWithdrawnError(f"{event.generator} gave up: {event.problem.detail}")
            case AnswerCompleted():
                nodes[:] = citation_nodes(event.answer)
                about.update(_about(event.answer))
                if not said:
                    yield event.answer.answer
            case _:
                pass


async def _in_threads(deltas: DELTAS) -> AsyncGenerator[str, None]:
    """The same, waited for in a thread each time."""
    try:
        while (text := await asyncio.to_thread(next, deltas, None)) is not None:
            yield text
    finally:
        await asyncio.to_thread(deltas.close)
