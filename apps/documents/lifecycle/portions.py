"""What a claim does first, so that a small document waits for no large one and no document waits for ever. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Portions(Generic[Item]):
    """`small` ones are done together and first; `large` is the one that was there first of the others and is done alone;
    `rest` is for whoever is free.
    """

    small: Sequence[Item]
    large: Item | None
    rest: Sequence[Item]

    def __iter__(self) -> Iterator[Sequence[Item]]:
        """What is done together, in its order."""
        if self.small:
            yield self.small
        if self.large is not None:
            yield [self.large]


def portions(items: Sequence[Item], *, size: Callable[[Item], int], most: int) -> Portions[Item]:
    """Divide `items`, which come in the order of their turns: the smallest, up to `most` in all, are the small ones."""
    by_size = sorted(range(len(items)), key=lambda place: size(items[place]))
    sums = accumulate(size(items[place]) for place in by_size)
    small = by_size[: sum(1 for _ in takewhile(lambda total: total <= most, sums))]
    others = sorted(by_size[len(small) :])
    return Portions(
        small=[items[place] for place in small],
        large=items[others[0]] if others else None,
        rest=[items[place] for place in others[1:]],
    )
