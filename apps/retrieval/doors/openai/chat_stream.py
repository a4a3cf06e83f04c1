"""A chat completion in chunks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from apps.retrieval.doors.answer_shapes import AnswerOut
from apps.retrieval.doors.openai.chat import VersionUrl, chat_out
from apps.retrieval.doors.openai.sent import Part

DONE = Part("[DONE]")


@dataclass(slots=True)
class ChatChunks:
    """The text sentence by sentence; the last chunk has the annotations and, in `ragsite`, the whole answer."""

    model: str
    url: VersionUrl
    with_usage: bool = False
    created: int = field(default_factory=lambda: int(time.time()))
    _id: str = ""

    def begun(self, answer_id: str) -> Iterator[Part]:
        """See Shape."""
        self._id = f"chatcmpl-{answer_id}"
        yield self._chunk({"role": "assistant", "content": ""})

    def said(self, text: str) -> Iterator[Part]:
        """See Shape."""
        yield self._chunk({"content": text})

    def completed(self, answer: AnswerOut) -> Iterator[Part]:
        """See Shape."""
        whole = chat_out(answer, model=self.model, url=self.url)
        message = whole.choices[0].message.model_dump()
        delta = {"annotations": message["annotations"]}
        yield self._chunk(delta, finish="stop", ragsite=answer.model_dump())
        if self.with_usage:
            yield self._part(choices=[], usage=whole.usage.model_dump())
        yield DONE

    def failed(self, error: dict[str, Any]) -> Iterator[Part]:
        """See Shape."""
        yield Part.of({"error": error})

    def _chunk(self, delta: dict[str, Any], *, finish: str | None = None, **more: Any) -> Part:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage = {"usage": None} if self.with_usage else {}
        return self._part(choices=[choice], **usage, **more)

    def _part(self, **more: Any) -> Part:
        head = {"id": self._id, "object": "chat.completion.chunk", "created": self.created, "model": self.model}
        return Part.of(head | more)
