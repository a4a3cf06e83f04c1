"""What the code says of a trace: where it is, and where a part of the work begins and ends.

Nothing is traced until `tracing_start` gave this process a tracer; until then a span costs one comparison. A trace that a caller
names is passed on in any case, so that what it led to can be found by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol

from ragsite.core.tracing.trace_parents import trace_id_of

Value = str | bool | int | float


class SpanKind(StrEnum):
    """Whose end of a call it is."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Span(Protocol):
    """A part of the work, as far as who does it can say more of it."""

    def tell(self, **attributes: Value) -> None:
        """Say more. In a name `__` stands for a full stop: `gen_ai__request__model`."""
        ...

    def name(self, name: str) -> None:
        """Call it by what is known only now."""
        ...

    def fail(self, code: str) -> None:
        """It did not come through, by a code or the name of an error; never by an error's words."""
        ...


class Tracer(Protocol):
    """What makes spans."""

    def span(
        self, name: str, kind: SpanKind, parent: str, links: Iterable[str], attributes: Mapping[str, Value]
    ) -> AbstractContextManager[Span]: ...

    def past(
        self,
        name: str,
        kind: SpanKind,
        parent: str,
        times: tuple[float, float],
        *,
        link: str,
        failed: str,
        attributes: Mapping[str, Value],
    ) -> str: ...

    def tell(self, attributes: Mapping[str, Value]) -> None: ...

    def add(self, amounts: Mapping[str, float]) -> None: ...

    def traceparent(self) -> str: ...

    def is_tracing(self) -> bool: ...


class _NoSpan:
    """Where nothing is traced."""

    def __enter__(self) -> _NoSpan:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def tell(self, **attributes: Value) -> None:
        return

    def name(self, name: str) -> None:
        return

    def fail(self, code: str) -> None:
        return


NOT_TRACED = _NoSpan()
"""Of work that is part of no trace."""

_tracer: Tracer | None = None
_given: ContextVar[str] = ContextVar("traceparent", default="")


def tracer_use(tracer: Tracer | None) -> None:
    """Let this process trace by it; None: no more."""
    global _tracer
    _tracer = tracer


def is_traced() -> bool:
    """Whether the work at hand is part of a trace that is kept."""
    return _tracer is not None and _tracer.is_tracing()


def traceparent() -> str:
    """Where in a trace the work at hand is; empty where it is in none."""
    return (_tracer.traceparent() if _tracer is not None else "") or _given.get()


def trace_id() -> str:
    """That of the trace the work at hand is part of; empty where it is in none."""
    return trace_id_of(traceparent())


def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    *,
    parent: str = "",
    links: Iterable[str] = (),
    **attributes: Value,
) -> AbstractContextManager[Span]:
    """The block as a part of the trace at hand, or of that which `parent` names. It fails with the error that leaves it."""
    if _tracer is None:
        return NOT_TRACED
    return _tracer.span(name, kind, parent, links, _named(attributes))


def part(name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: Value) -> AbstractContextManager[Span]:
    """As `span`, but only within a trace: what nobody asked for begins none."""
    if _tracer is None or not _tracer.is_tracing():
        return NOT_TRACED
    return _tracer.span(name, kind, "", (), _named(attributes))


def told(**attributes: Value) -> None:
    """Say more of the part of the work at hand, whoever began it."""
    if _tracer is not None:
        _tracer.tell(_named(attributes))


def told_more(**amounts: float) -> None:
    """Add to numbers that the part of the work at hand is told with."""
    if _tracer is not None:
        _tracer.add({name.replace("__", "."): amount for name, amount in amounts.items()})


def span_past(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    *,
    times: tuple[float, float],
    parent: str = "",
    link: str = "",
    failed: str = "",
    **attributes: Value,
) -> str:
    """Add what has ended already, between two moments in epoch seconds, to the trace at hand, or under the place `parent` of one;
    where it is. `failed` is as of `Span.fail`.
    """
    if _tracer is None:
        return ""
    return _tracer.past(name, kind, parent, times, link=link, failed=failed, attributes=_named(attributes))


@contextmanager
def under(given: str) -> Iterator[None]:
    """Within the block the work is part of the trace that this text names, whether or not this process traces."""
    before = _given.get()
    _given.set(given)
    try:
        yield
    finally:
        _given.set(before)


def _named(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """As they are called outside, where names have full stops."""
    return {key.replace("__", "."): value for key, value in attributes.items()}
