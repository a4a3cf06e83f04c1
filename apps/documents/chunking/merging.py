"""Joins neighbouring sections where a single span with one place and one heading path comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from apps.documents.chunking.ruler import Ruler
from apps.documents.parsing.types import Section

# A section is small with less than this part of a chunk: little more than its heading. Two whole sentences are worth
# being cited under their own heading.
SMALL_SHARE = 16


def small_joined(sections: Iterable[Section], ruler: Ruler) -> list[Section]:
    """The sections, where one too small to be found for itself goes to the next one, else to the one before.

    Only siblings, or a heading and what stands directly under it, are joined: a chunk must not run from the end of
    one chapter into the next.
    """
    forward: list[Section] = []
    for section in sections:
        _append(forward, section, joins=bool(forward) and _is_small(forward[-1], ruler), ruler=ruler)
    both_ways: list[Section] = []
    for section in forward:
        _append(both_ways, section, joins=_is_small(section, ruler), ruler=ruler)
    return both_ways


def joined(sections: Sequence[Section], ruler: Ruler) -> Section | None:
    """One section from the first to the last, under the headings that all share.

    None when they lie in different places, share no heading although some have one, or don't fit into a chunk.
    """
    first, last = sections[0], sections[-1]
    path = shared_path([section.heading_path for section in sections])
    has_headings = any(section.heading_path for section in sections)
    if any(section.place != first.place for section in sections) or (has_headings and not path):
        return None
    whole = Section(first.start, last.end, path, first.place)
    return whole if ruler.fits(*ruler.trimmed(whole.start, whole.end)) else None


def shared_path(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The headings that all paths begin with."""
    levels = takewhile(lambda level: len(set(level)) == 1, zip(*paths, strict=False))
    return tuple(level[0] for level in levels)


def _append(done: list[Section], section: Section, *, joins: bool, ruler: Ruler) -> None:
    """Put `section` at the end of `done`: into the last one if it `joins` and the two can be one."""
    pair = [*done[-1:], section]
    whole = joined(pair, ruler) if joins and len(pair) > 1 and _are_close(*pair) else None
    if whole is None:
        done.append(section)
    else:
        done[-1] = whole


def _are_close(one: Section, other: Section) -> bool:
    shared = shared_path([one.heading_path, other.heading_path])
    return len(shared) >= max(len(one.heading_path), len(other.heading_path)) - 1


def _is_small(section: Section, ruler: Ruler) -> bool:
    return ruler.at_most(ruler.size // SMALL_SHARE - 1, section.start, section.end)
