"""Sentences that go on over the end of a page: they are cut as one, and what has them lies on both pages."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from apps.documents.parsing.types import Place, Section
from apps.documents.sentences.splitting import sentence_spans

LONGEST_REST = 1_000
"""Characters of a sentence on its second page; what is longer is a list or a table, and is cut at the break."""

BEFORE = 2_000
"""Characters before a break in which the sentence over it begins."""


def sentences_whole(text: str, sections: Sequence[Section]) -> list[Section]:
    """The sections, where each has the whole of the sentence that goes on over its end."""
    whole: list[Section] = []
    start = 0
    for at, section in enumerate(sections):
        begin = max(section.start, start)
        if begin >= section.end:
            continue
        end = section.end
        if section.goes_on and at + 1 < len(sections):
            end = _sentence_end(text, section, sections[at + 1])
        whole.append(replace(section, start=begin, end=end))
        start = end
    return whole


def _sentence_end(text: str, section: Section, after: Section) -> int:
    begin, past = max(section.start, section.end - BEFORE), min(after.end, after.start + LONGEST_REST)
    for start, end in sentence_spans(text, begin, past):
        if start < section.end < end:
            return end if end < past or past == after.end else section.end
    return section.end


def place_of(sections: Sequence[Section], starts: Sequence[int], start: int, end: int) -> Place | None:
    """Where the characters from `start` to `end` lie: on one page, or from one to another; `starts` are the sections'."""
    first = sections[max(0, bisect_right(starts, start) - 1)].place
    last = sections[max(0, bisect_right(starts, end - 1) - 1)]
    if first is None or last.place is None or first == last.place:
        return first
    return replace(first, last=last.place.number, turn=last.start)
