"""How far a command is: a bar on standard error if that is a terminal, and else nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


class Bar:
    """A bar, with lines above it."""

    def __init__(self, progress: Progress, what: str, total: float | None) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=total)

    def to(self, done: float, what: str | None = None) -> None:
        """It is so far."""
        self._progress.update(self._task, completed=done, description=what)

    def advance(self) -> None:
        """One more is done."""
        self._progress.advance(self._task)

    def line(self, text: str) -> None:
        """Words that stay, such as why something was refused."""
        if text:
            self._progress.console.print(text, markup=False, soft_wrap=True)


@contextmanager
def bar(what: str, total: float | None, *, share: bool = False) -> Iterator[Bar]:
    """The bar for a block; `share` shows a percentage, not numbers."""
    console = Console(file=sys.stderr, highlight=False)
    counted = TaskProgressColumn() if share else MofNCompleteColumn()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), counted, TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Bar(progress, what, total)
