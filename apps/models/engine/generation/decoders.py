"""The two ways in which texts are written: many in one batch that they join and leave at every step, or one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from transformers import LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from apps.models.engine.generation.attention import Row, Span
from apps.models.engine.generation.request import Writing
from apps.models.engine.generation.slots import Slots, common

CHUNK_TOKENS = {"cpu": 128, "cuda": 4096}
"""Tokens of prompts in one step beside others: the others wait so long for their next token."""

ALONE_FACTOR = 4
"""So many times as many where nobody waits."""


class Decoder(Protocol):
    """Advances requests. Used by one thread."""

    @property
    def free(self) -> int:
        """How many more requests may join."""
        ...

    def join(self, writing: Writing) -> None: ...

    def leave(self, writing: Writing) -> None:
        """Free what it holds."""
        ...

    def spoil(self) -> None:
        """The last step failed: trust nothing of what those who took part hold."""
        ...

    def step(self, *, beat: Callable[[], None]) -> None:
        """Advance those who have joined; `beat` is called whenever the device has answered."""
        ...


@dataclass(slots=True, eq=False)
class _Joined:
    """A request in its slot. `computed` tokens of it are there, once it has begun."""

    writing: Writing
    slot: int
    computed: int | None = None

    @property
    def is_writing(self) -> bool:
        return bool(self.writing.written)


class Forward(Protocol):
    """Computes one row. What it gives is on the device, and valid until the next call."""

    def __call__(self, row: Row, ids: list[int], *, last_of: Sequence[Span]) -> torch.Tensor:
        """The logits after the last token of these spans: (spans, vocabulary)."""
        ...


class EachSlotForward:
    """Attention slot by slot, each read where it lies."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def __call__(self, row: Row, ids: list[int], *, last_of: Sequence[Span]) -> torch.Tensor:
        device = row.slots.keys.device
        positions = [position for span in row.spans for position in range(span.start, span.end)]
        ends = [span.first + span.length - 1 for span in last_of]
        with torch.inference_mode():
            answer = self._network(
                input_ids=torch.tensor([ids], device=device),
                position_ids=torch.tensor([positions], device=device),
                use_cache=False,
                logits_to_keep=torch.tensor(ends, dtype=torch.long, device=device),
                row=row,
            )
        logits: torch.Tensor = answer.logits[0]
        return logits


class BatchDecoder:
    """All requests in one row, each in a slot of its own. `forward` computes the row, slot by slot unless it is given."""

    def __init__(
        self,
        network: Any,
        slots: Slots,
        *,
        ends: frozenset[int],
        chunk_tokens: int,
        forward: Forward | None = None,
    ) -> None:
        self._forward = forward or EachSlotForward(network)
        self._slots = slots
        self._ends = ends
        self._chunk_tokens = chunk_tokens
        self._joined: list[_Joined] = []

    @property
    def free(self) -> int:
        return self._slots.free

    def join(self, writing: Writing) -> None:
        self._joined.append(_Joined(writing, self._slots.take(writing.prompt)))

    def leave(self, writing: Writing) -> None:
        for joined in [one for one in self._joined if one.writing is writing]:
            self._joined.remove(joined)
            self._slots.give_back(joined.slot)

    def spoil(self) -> None:
        for joined in self._joined:
            self._slots.forget(joined.slot)

    def step(self, *, beat: Callable[[], None]) -> None:
        """One forward pass: a token of each text being written, and parts of the prompts that are still being read."""
        planned = sorted(self._planned(), key=lambda one: one[0].slot)
        row, ids = self._row(planned)
        asking = [place for place, (joined, tokens) in enumerate(planned) if self._reaches_end(joined, tokens)]
        logits = self._forward(row, ids, last_of=[row.spans[place] for place in asking])
        likeliest = _likeliest(logits)
        beat()
        for joined, tokens in planned:
            self._slots.extend(joined.slot, tokens)
            joined.computed = (joined.computed or 0) + len(tokens)
        for place, of_place, token in zip(asking, logits, likeliest, strict=True):
            writing = planned[place][0].writing
            if writing.sampler.is_greedy:
                writing.take_in(token, ends=self._ends)
            else:
                writing.choose(of_place.float().cpu(), ends=self._ends)

    def _planned(self) -> list[tuple[_Joined, list[int]]]:
        """Whose next tokens are computed in this step: all that are writing, and of the others as many as come first."""
        writing = [(joined, joined.writing.written[-1:]) for joined in self._joined if joined.is_writing]
        left = self._chunk_tokens if writing else self._chunk_tokens * ALONE_FACTOR
        reading: list[tuple[_Joined, list[int]]] = []
        for joined in self._joined:
            if left <= 0:
                break
            if joined.is_writing or self._waits(joined, [one for one, _ in reading]):
                continue
            tokens = joined.writing.prompt[self._begun(joined) :][:left]
            reading.append((joined, tokens))
            left -= len(tokens)
        return writing + reading

    def _begun(self, joined: _Joined) -> int:
        """How many of its tokens are there; at the beginning those that other requests have in common with it.

        The last token is always computed: what follows it is asked for.
        """
        if joined.computed is None:
            self._slots.reuse(joined.slot, joined.writing.prompt[:-1])
            joined.computed = len(self._slots.held(joined.slot))
        return joined.computed

    def _waits(self, joined: _Joined, reading: Iterable[_Joined]) -> bool:
        """Whether another one is just computing the beginning that both have."""
        if joined.computed is not None:
            return False
        prompt = joined.writing.prompt[:-1]
        return any(common(other.writing.prompt, prompt) > max(other.computed or 0, self._chunk_tokens // 4)
                   for other in reading)  # fmt: skip

    def _reaches_end(self, joined: _Joined, tokens: Sequence[int]) -> bool:
        return (joined.computed or 0) + len(tokens) >= len(joined.writing.prompt)

    def _row(self, planned: Sequence[tuple[_Joined, list[int]]]) -> tuple[Row, list[int]]:
        ids: list[int] = []
        spans: list[Span] = []
        for joined, tokens in planned:
            spans.append(Span(joined.slot, len(ids), joined.computed or 0, len(tokens)))
            ids.extend(tokens)
        return Row(self._slots, spans), ids


def _likeliest(logits: torch.Tensor) -> list[int]:
    """The token with the highest of each row's logits. On a CPU torch finds it faster row by row."""
    if logits.device.type == "cpu":
        return [int(row.argmax()) for row in logits.float()]
    return [int(token) for token in logits.argmax(dim=-1).tolist()]


class SequentialDecoder:
    """One request at a time, by transformers' own `generate`: for networks whose parts this engine does not know."""

    def __init__(self, network: Any, *, ends: frozenset[int]) -> None:
        self._network = network
        self._ends = ends
        self._joined: list[Writing] = []

    @property
    def free(self) -> int:
        return 1 - len(self._joined)

    def join(self, writing: Writing) -> None:
        self._joined.append(writing)

    def leave(self, writing: Writing) -> None:
        self._joined.remove(writing)

    def spoil(self) -> None:
        """Nothing is kept from one request to the next."""

    def step(self, *, beat: Callable[[], None]) -> None:
        """All of one text: it is looked at after every token whether it is still wanted."""
        (writing,) = self._joined
        follower = _Follower(writing, ends=self._ends, beat=beat)
        prompt = torch.tensor([writing.prompt], device=self._network.device)
        with torch.inference_mode():
            self._network.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=writing.max_tokens,
                do_sample=False,
                logits_processor=LogitsProcessorList([follower.chooses]),
                stopping_criteria=StoppingCriteriaList([follower.stops]),
            )


class _Follower:
    """Follows `generate`: chooses each token as the batch does, and says when to stop."""

    def __init__(self, writing: Writing, *, ends: frozenset[int], beat: Callable[[], None]) -> None:
        self.chooses = _Chooses(writing, ends)
        self.stops = _Stops(writing, beat)


class _Chooses(LogitsProcessor):  # type: ignore[misc]
    def __init__(self, writing: Writing, ends: frozenset[int]) -> None:
        self._writing = writing
        self._ends = ends

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores that leave one token."""
        token = self._writing.choose(scores[0].float().cpu(), ends=self._ends)
        only = torch.full_like(scores, -torch.inf)
        only[0, token] = 0.0
        return only


class _Stops(StoppingCriteria):  # type: ignore[misc]
    def __init__(self, writing: Writing, beat: Callable[[], None]) -> None:
        self._writing = writing
        self._beat = beat

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        self._beat()
        return torch.full((len(input_ids),), self._writing.is_over, device=input_ids.device)
