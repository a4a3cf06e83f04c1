"""Asking a smaller model where one does not answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from apps.models.gateway.protocol import Deadline
from apps.models.installed_model import InstalledModel
from apps.models.selectors import model_version
from ragsite.core.database import connection_release
from ragsite.core.errors import RagError

Answer = TypeVar("Answer")
SHARE = 0.6
"""Of the time that is left, what a model gets that has a smaller one behind it."""


@dataclass(frozen=True, slots=True)
class Answered(Generic[Answer]):
    """What a model answered; `error` says why the one that was meant did not, where it is another."""

    answer: Answer
    model: InstalledModel
    error: RagError | None = None


def ask_or_smaller(
    ask: Callable[[InstalledModel, Deadline], Answer], *, model: InstalledModel, deadline: Deadline
) -> Answered[Answer]:
    """What the model answers, or the first of the smaller ones behind it that does.

    Raises:
        RagError: none did; the error of the one that was meant.
    """
    meant: RagError | None = None
    while True:
        share = SHARE if model.fallback is not None else 1.0
        try:
            # As it is where nothing is behind it: time that has run out is told of by who checks it.
            until = deadline if share == 1.0 else Deadline.after(deadline.remaining() * share)
            return Answered(ask(model, until), model, meant)
        except RagError as error:
            meant = meant or error
            if model.fallback is None or deadline.expired:
                raise meant from None
        try:
            model = model_version(model.fallback, kind=model.kind)
        except RagError:
            raise meant from None
        finally:
            connection_release()
