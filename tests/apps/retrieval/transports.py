"""Ways to a model that fail, or that are watched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.models.gateway.fake import FakeTransport


class Failing:
    """A way to a model that leads nowhere."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def run(self, *_: Any) -> Any:
        raise self.error


class Garbage(FakeTransport):
    """A model that answers numbers that are none."""

    def embed(self, texts: Any, **rest: Any) -> Any:
        return super().embed(texts, **rest) * float("nan")


class CountingTransport(FakeTransport):
    """Remembers every text that is embedded."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str], **rest: Any) -> Any:
        self.texts += texts
        return super().embed(texts, **rest)
