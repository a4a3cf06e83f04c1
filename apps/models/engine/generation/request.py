"""One request to a language model while it is worked on."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence

import torch

from apps.models.engine.generation.sampling import Sampler
from apps.models.engine.generation.text import TextWriter
from apps.models.errors import DeadlineExceededError
from apps.models.generation import (
    STILL_AT_IT,
    Finish,
    GeneratedText,
    GenerationEnd,
    GenerationOptions,
    GenerationPiece,
)
from ragsite.core.errors import RagError

Decode = Callable[[Sequence[int]], str]


class Writing:
    """What is read and written of one request. One thread works on it, another takes the pieces.

    At most `max_tokens` are written, which its maker has seen to that there is room for.
    """

    def __init__(
        self, prompt: list[int], *, max_tokens: int, options: GenerationOptions, deadline: float, decode: Decode
    ) -> None:
        self.prompt = prompt
        self.max_tokens = max_tokens
        self.deadline = deadline
        self.written: list[int] = []
        self.sampler = Sampler(options)
        self.finish: Finish | None = None
        self.is_cancelled = False
        self._writer = TextWriter(decode, stop=options.stop)
        self._pieces: queue.SimpleQueue[GenerationPiece | RagError] = queue.SimpleQueue()
        self._taken: GenerationPiece | RagError | None = None

    @property
    def tokens(self) -> list[int]:
        """The prompt and what was written after it."""
        return self.prompt + self.written

    @property
    def is_late(self) -> bool:
        return time.monotonic() >= self.deadline

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be computed for it."""
        return self.finish is not None or self.is_cancelled or self.is_late

    def choose(self, logits: torch.Tensor, *, ends: frozenset[int]) -> int:
        """The next token, of the logits (vocabulary,), taken in; one of `ends` ends the text."""
        token = int(logits.argmax()) if self.sampler.is_greedy else self.sampler.draw(logits)
        self.take_in(token, ends=ends)
        return token

    def take_in(self, token: int, *, ends: frozenset[int]) -> None:
        """Add a token to the text, and see whether the text ends with it."""
        self.written.append(token)
        if token in ends:
            self._end(Finish.STOP)
            return
        self._give(self._writer.add(token))
        if self._writer.is_stopped:
            self._end(Finish.STOP)
        elif len(self.written) >= self.max_tokens:
            self._end(Finish.LENGTH)

    def leave(self) -> None:
        """Say why it is not worked on any more, unless it has ended."""
        if self.finish is not None:
            return
        if self.is_cancelled:
            self._end(Finish.CANCELLED)
        else:
            self.fail(DeadlineExceededError(f"The deadline passed after {len(self.written)} tokens of the text."))

    def fail(self, error: RagError) -> None:
        """End it with an error, which follows the pieces so far."""
        self.finish = self.finish or Finish.CANCELLED
        self._pieces.put(error)

    def next_piece(self, *, seconds: float) -> GenerationPiece:
        """The next piece, or an empty text after some seconds. What has gathered of the text comes as one piece.

        Raises:
            RagError: it failed, or its deadline has passed.
        """
        try:
            first = self._next(min(seconds, max(0.0, self.deadline - time.monotonic())))
        except queue.Empty:
            if self.is_late:
                raise DeadlineExceededError("The deadline passed while the text was written.") from None
            return STILL_AT_IT
        if isinstance(first, GeneratedText):
            return GeneratedText(first.text + self._gathered())
        if isinstance(first, RagError):
            raise first
        return first

    def _next(self, seconds: float) -> GenerationPiece | RagError:
        if self._taken is not None:
            taken, self._taken = self._taken, None
            return taken
        return self._pieces.get(timeout=seconds)

    def _gathered(self) -> str:
        """The texts that wait, up to the next piece of another sort."""
        texts: list[str] = []
        while not self._pieces.empty():
            piece = self._pieces.get()
            if not isinstance(piece, GeneratedText):
                self._taken = piece
                break
            texts.append(piece.text)
        return "".join(texts)

    def _give(self, text: str) -> None:
        if text:
            self._pieces.put(GeneratedText(text))

    def _end(self, finish: Finish) -> None:
        self.finish = finish
        self._give(self._writer.finish())
        self._pieces.put(GenerationEnd(finish, len(self.prompt), len(self.written)))
