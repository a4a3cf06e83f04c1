"""Settings and flags that were changed while the system runs, as a test has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from ragsite.core.dynamic.flags import Flag, FlagRule
from ragsite.core.dynamic.held import SetValue, forget, hold
from ragsite.core.dynamic.places import INSTALLATION, Place


@contextmanager
def holding(values: dict[tuple[str, Place], Any]) -> Iterator[None]:
    """Within the block this process holds these values, as if it had read them."""
    hold((SetValue(pk, name, place, value) for pk, ((name, place), value) in enumerate(values.items(), 1)), newest=0)
    try:
        yield
    finally:
        forget()


@dataclass
class Switched:
    """A flag that is on for all, or off, within the block."""

    flag: Flag
    on: bool
    _held: Any = field(default=None, repr=False)

    def __enter__(self) -> None:
        self._held = holding({(self.flag.name, INSTALLATION): FlagRule(on=self.on).to_dict()})
        self._held.__enter__()

    def __exit__(self, *error: object) -> None:
        self._held.__exit__(*error)


def both_states(flag: Flag) -> Any:
    """Run a test with the flag on and off, as its argument `switched`. Every flag has such a test: tests/project looks for it."""
    return pytest.mark.parametrize("switched", [Switched(flag, True), Switched(flag, False)], ids=["on", "off"])
