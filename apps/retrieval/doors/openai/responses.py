"""`/v1/responses`: what is asked, and how the answer is told, as a whole and in events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt

from apps.retrieval.answers.options import AnswerOptions
from apps.retrieval.doors.answer_shapes import AnswerOut
from apps.retrieval.doors.openai.chat import LONGEST_ANSWER, Answering, VersionUrl, citations_placed, tokens_of
from apps.retrieval.doors.openai.messages import MOST_MESSAGES, MessageIn
from apps.retrieval.doors.openai.parameters import only
from apps.retrieval.doors.openai.sent import Part

TEXT = {"format": {"type": "text"}}
NO_MEMORY = "What was said before is not kept under an id here: send it as messages in `input`."


class InputItem(MessageIn):
    type: Literal["message"] = "message"


class ResponsesBody(Answering):
    input: str | Annotated[list[InputItem], Field(min_length=1, max_length=MOST_MESSAGES)]
    max_output_tokens: StrictInt | None = Field(None, ge=1, le=LONGEST_ANSWER)
    previous_response_id: Annotated[Any, only(None, why=NO_MEMORY)] = None
    conversation: Annotated[Any, only(None, why=NO_MEMORY)] = None
    prompt: Annotated[Any, only(None, why="Prompts are ragsite's own. Leave it out.")] = None
    background: Annotated[Any, only(None, False, why="An answer is waited for, or streamed. Leave it out.")] = None
    include: Annotated[Any, only(None, [], why="`ragsite` of the response has all there is. Leave it out.")] = None
    text: Annotated[Any, only(None, {}, TEXT, why="Answers are text; `ragsite` has them as JSON.")] = None
    instructions: Any = None
    reasoning: Any = None
    truncation: Any = None
    max_tool_calls: Any = None
    stream_options: Any = None

    def messages(self) -> list[MessageIn]:
        """What is said; a text is said by the user."""
        return [MessageIn(role="user", content=self.input)] if isinstance(self.input, str) else [*self.input]

    def options(self) -> AnswerOptions:
        """How the answer shall be written."""
        return AnswerOptions(temperature=self.temperature, max_tokens=self.max_output_tokens)


def response_out(answer: AnswerOut, *, model: str, url: VersionUrl) -> dict[str, Any]:
    """The answer as a response of the model that was named; `ragsite` is all of it, as `/api/v1/ask` gives it."""
    read, written = tokens_of(answer)
    usage = {
        "input_tokens": read, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": read + written,
    }  # fmt: skip
    item = _item(str(answer.id), [_content(answer.answer, _annotations(answer, url))], status="completed")
    told = _response(str(answer.id), model, status="completed", created=int(answer.created_at.timestamp()))
    return told | {"output": [item], "usage": usage, "ragsite": answer.model_dump()}


@dataclass(slots=True)
class ResponseEvents:
    """The text sentence by sentence, with the annotations and the whole response at the end."""

    model: str
    url: VersionUrl
    created: int = field(default_factory=lambda: int(time.time()))
    _id: str = ""
    _number: int = 0

    def begun(self, answer_id: str) -> Iterator[Part]:
        """See Shape."""
        self._id = answer_id
        response = self._response(status="in_progress")
        yield self._event("response.created", response=response)
        yield self._event("response.in_progress", response=response)
        yield self._event("response.output_item.added", output_index=0, item=_item(answer_id, [], status="in_progress"))
        yield self._event("response.content_part.added", **self._place, part=_content("", []))

    def said(self, text: str) -> Iterator[Part]:
        """See Shape."""
        yield self._event("response.output_text.delta", **self._place, delta=text, logprobs=[])

    def completed(self, answer: AnswerOut) -> Iterator[Part]:
        """See Shape."""
        whole = response_out(answer, model=self.model, url=self.url)
        item = whole["output"][0]
        content = item["content"][0]
        for number, one in enumerate(content["annotations"]):
            yield self._event(
                "response.output_text.annotation.added", **self._place, annotation_index=number, annotation=one
            )
        yield self._event("response.output_text.done", **self._place, text=content["text"], logprobs=[])
        yield self._event("response.content_part.done", **self._place, part=content)
        yield self._event("response.output_item.done", output_index=0, item=item)
        yield self._event("response.completed", response=whole)

    def failed(self, error: dict[str, Any]) -> Iterator[Part]:
        """See Shape."""
        yield self._event("response.failed", response=self._response(status="failed") | {"error": error})

    @property
    def _place(self) -> dict[str, Any]:
        return {"item_id": f"msg_{self._id}", "output_index": 0, "content_index": 0}

    def _response(self, *, status: str) -> dict[str, Any]:
        return _response(self._id, self.model, status=status, created=self.created)

    def _event(self, kind: str, **more: Any) -> Part:
        number, self._number = self._number, self._number + 1
        return Part.of({"type": kind, "sequence_number": number, **more}, event=kind)


def _response(answer_id: str, model: str, *, status: str, created: int) -> dict[str, Any]:
    return {
        "id": f"resp_{answer_id}", "object": "response", "created_at": created, "status": status, "model": model,
        "output": [], "error": None, "incomplete_details": None, "instructions": None, "metadata": {}, "tools": [],
        "tool_choice": "none", "parallel_tool_calls": False, "text": TEXT, "previous_response_id": None, "usage": None,
    }  # fmt: skip


def _item(answer_id: str, content: list[dict[str, Any]], *, status: str) -> dict[str, Any]:
    return {"id": f"msg_{answer_id}", "type": "message", "role": "assistant", "status": status, "content": content}


def _content(text: str, annotations: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}


def _annotations(answer: AnswerOut, url: VersionUrl) -> list[dict[str, Any]]:
    return [
        {"type": "url_citation", **cited, "citation": citation.id} for citation, cited in citations_placed(answer, url)
    ]
