"""What the work at hand is about, for the lines it writes to the log: ids alone, never names or words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

Told = str | list[str]

_about: ContextVar[dict[str, Told] | None] = ContextVar("about", default=None)


@contextmanager
def about(**told: Told) -> Iterator[None]:
    """Within the block lines say this, too; what is empty is left out."""
    before = _about.get()
    _about.set({**(before or {}), **{name: value for name, value in told.items() if value}})
    try:
        yield
    finally:
        _about.set(before)


def about_tell(**told: Told) -> None:
    """Add to what the lines of the block at hand say; outside of one nothing is kept."""
    if (found := _about.get()) is not None:
        found.update({name: value for name, value in told.items() if value})


def about_told() -> Mapping[str, Told]:
    """What lines are to say now."""
    return _about.get() or {}
