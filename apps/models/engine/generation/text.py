"""From tokens to text: whole characters, and nothing of a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence

INCOMPLETE = "\ufffd"
"""What a decoder gives for the bytes of a character whose rest is still to come."""

LONGEST_CHARACTER = 8
"""Tokens that one character takes at most; bytes that are none by then are no character."""


class TextWriter:
    """Turns the tokens of one request into text, piece by piece.

    Text that may be the beginning of a stop string is held back until it is known not to be.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], *, stop: Sequence[str]) -> None:
        self._decode = decode
        self._stop = tuple(stop)
        self._ids: list[int] = []
        self._shown_from = (
            0  # A few tokens before `_shown_to` are decoded again: some decoders join what stands side by side.
        )
        self._shown_to = 0
        self._held = ""
        self.is_stopped = False

    def add(self, token: int) -> str:
        """The text that can be given now, which may be none."""
        self._ids.append(token)
        self._held += self._new_text()
        return self._released()

    def finish(self) -> str:
        """What was held back, once no more tokens come. Half a character is dropped."""
        text, self._held = self._held, ""
        return "" if self.is_stopped else text

    def _new_text(self) -> str:
        before = self._decode(self._ids[self._shown_from : self._shown_to])
        text = self._decode(self._ids[self._shown_from :])
        if text.endswith(INCOMPLETE) and len(self._ids) - self._shown_to < LONGEST_CHARACTER:
            return ""
        self._shown_from, self._shown_to = self._shown_to, len(self._ids)
        return text[len(before) :]

    def _released(self) -> str:
        places = [place for place in (self._held.find(text) for text in self._stop) if place >= 0]
        if places:
            self.is_stopped = True
            text, self._held = self._held[: min(places)], ""
            return text
        kept = max((_overlap(self._held, text) for text in self._stop), default=0)
        cut = len(self._held) - kept
        text, self._held = self._held[:cut], self._held[cut:]
        return text


def _overlap(text: str, stop: str) -> int:
    """How many characters at the text's end are a beginning of the stop string."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
