"""`/v1/chat/completions`: what is asked and how it is told. The answer is the same as that of `/api/v1/ask`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field, StrictBool, StrictInt

from apps.retrieval.answers.options import AnswerOptions
from apps.retrieval.doors.answer_shapes import AnswerOut, CitationOut
from apps.retrieval.doors.api import Exactly, QueryBody
from apps.retrieval.doors.openai.messages import MOST_MESSAGES, MessageIn
from apps.retrieval.doors.openai.parameters import AllTokens, Ignored, NoTools, NoTuning, only
from ragsite.gateway.names import StrictBody

HOTTEST, LONGEST_ANSWER = 2.0, 4_096

VersionUrl = Callable[[UUID], str]
"""The address of a document version in the REST API."""


class AsWell(QueryBody):
    """How to search, as `/api/v1/ask` takes it. Where is said by `model`."""

    knowledge_bases: Annotated[Any, only(None, why="Name the knowledge base as `model`.")] = None


class Answering(Ignored):
    """What both ways to ask have in common."""

    model: str
    stream: StrictBool | None = None
    temperature: Exactly | None = Field(None, ge=0, le=HOTTEST)
    top_p: AllTokens = None
    top_logprobs: NoTuning = None
    tools: NoTools = None
    tool_choice: NoTools = None
    ragsite: AsWell = Field(default_factory=lambda: AsWell.model_validate({}))


class StreamOptions(StrictBody):
    include_usage: StrictBool = False
    include_obfuscation: StrictBool | None = None


class ChatBody(Answering):
    messages: list[MessageIn] = Field(min_length=1, max_length=MOST_MESSAGES)
    max_tokens: StrictInt | None = Field(None, ge=1, le=LONGEST_ANSWER)
    max_completion_tokens: StrictInt | None = Field(None, ge=1, le=LONGEST_ANSWER)
    stream_options: StreamOptions | None = None
    n: Annotated[Any, only(None, 1, why="A question has one answer. Leave it out, or send 1.")] = None
    response_format: Annotated[
        Any, only(None, {"type": "text"}, why="Answers are text; `ragsite` of the response has them as JSON.")
    ] = None
    modalities: Annotated[Any, only(None, ["text"], why="Answers are text.")] = None
    logprobs: Annotated[Any, only(None, False, why="Probabilities of tokens are not told. Leave it out.")] = None
    functions: NoTools = None
    function_call: NoTools = None
    stop: Annotated[Any, only(None, [], "", why="An answer is not cut at a text. Leave it out.")] = None
    logit_bias: NoTuning = None
    presence_penalty: NoTuning = None
    frequency_penalty: NoTuning = None
    reasoning_effort: Any = None

    def options(self) -> AnswerOptions:
        """How the answer shall be written."""
        longest = self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens
        return AnswerOptions(temperature=self.temperature, max_tokens=longest)


class UrlCitationOut(Schema):
    """The sentence from `start_index` to `end_index` of the answer rests on what is at `url`: a version of a document."""

    url: str
    title: str
    start_index: int
    end_index: int


class ChatAnnotationOut(Schema):
    """`citation` is the id of the citation in `ragsite`, which has the span and its words."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitationOut
    citation: int


class AnswerMessageOut(Schema):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[ChatAnnotationOut]


class ChoiceOut(Schema):
    index: int = 0
    message: AnswerMessageOut
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class ChatUsageOut(Schema):
    """Tokens that a language model read and wrote; none where sentences were quoted."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatOut(Schema):
    """`ragsite` is the whole answer, as `/api/v1/ask` gives it."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChoiceOut]
    usage: ChatUsageOut
    ragsite: AnswerOut


def chat_out(answer: AnswerOut, *, model: str, url: VersionUrl) -> ChatOut:
    """The answer as a chat completion of the model that was named."""
    message = AnswerMessageOut(
        content=answer.answer,
        annotations=[
            ChatAnnotationOut(url_citation=UrlCitationOut(**cited), citation=citation.id)
            for citation, cited in citations_placed(answer, url)
        ],
    )
    return ChatOut(
        id=f"chatcmpl-{answer.id}",
        created=int(answer.created_at.timestamp()),
        model=model,
        choices=[ChoiceOut(message=message)],
        usage=chat_usage(answer),
        ragsite=answer,
    )


def chat_usage(answer: AnswerOut) -> ChatUsageOut:
    """The tokens that the answer took."""
    read, written = tokens_of(answer)
    return ChatUsageOut(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


def tokens_of(answer: AnswerOut) -> tuple[int, int]:
    """How many tokens a language model read and wrote for the answer."""
    usage = answer.usage
    return (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)


def citations_placed(answer: AnswerOut, url: VersionUrl) -> list[tuple[CitationOut, dict[str, Any]]]:
    """Each citation with where in the answer the sentence is that rests on it, in the order of the text."""
    by_id = {citation.id: citation for citation in answer.citations}
    placed = []
    for sentence in answer.sentences:
        for citation in (by_id[id_] for id_ in sentence.citations):
            where = {"start_index": sentence.start, "end_index": sentence.end}
            placed.append((citation, {"url": url(citation.version), "title": citation.title, **where}))
    return placed
