from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from apps.documents.models import PartsBy
from apps.documents.parsing.types import DocumentType
from apps.retrieval.search.filters import EVERYWHERE, Extent, Period, SearchFilters, filters_condition
from apps.retrieval.search.parts import Overlap, overlap

JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
INSTANT = timedelta(microseconds=1)
PDF = frozenset({"pdf"})


@pytest.mark.parametrize(
    ("parts", "key", "extent", "expected"),
    [
        (PartsBy.MONTH, "2026-02", EVERYWHERE, Overlap.ALL),
        (PartsBy.MONTH, "2026-02", Extent(Period(FEBRUARY, MARCH)), Overlap.ALL),
        (PartsBy.MONTH, "2026-02", Extent(Period(FEBRUARY + INSTANT)), Overlap.SOME),
        (PartsBy.MONTH, "2026-02", Extent(Period(None, MARCH - INSTANT)), Overlap.SOME),
        (PartsBy.MONTH, "2026-02", Extent(Period(MARCH - INSTANT)), Overlap.SOME),
        (PartsBy.MONTH, "2026-02", Extent(Period(MARCH)), Overlap.NONE),
        (PartsBy.MONTH, "2026-02", Extent(Period(None, FEBRUARY)), Overlap.NONE),
        (PartsBy.MONTH, "2026-02", Extent(Period(None, FEBRUARY + INSTANT)), Overlap.SOME),
        (PartsBy.MONTH, "2026-02", Extent(Period(MARCH, FEBRUARY)), Overlap.NONE),
        (PartsBy.MONTH, "2025-12", Extent(Period(JANUARY)), Overlap.NONE),
        (PartsBy.MONTH, "2025-12", Extent(Period(None, JANUARY)), Overlap.ALL),
        (PartsBy.MONTH, "2026-02", Extent(types=PDF), Overlap.SOME),
        (PartsBy.YEAR, "2026", Extent(Period(JANUARY)), Overlap.ALL),
        (PartsBy.YEAR, "2026", Extent(Period(JANUARY, MARCH)), Overlap.SOME),
        (PartsBy.YEAR, "2025", Extent(Period(JANUARY)), Overlap.NONE),
        (PartsBy.YEAR, "9999", Extent(Period(JANUARY)), Overlap.ALL),
        (PartsBy.TYPE, "pdf", Extent(types=PDF), Overlap.ALL),
        (PartsBy.TYPE, "docx", Extent(types=PDF), Overlap.NONE),
        (PartsBy.TYPE, "pdf", Extent(types=frozenset()), Overlap.NONE),
        (PartsBy.TYPE, "pdf", Extent(Period(JANUARY), PDF), Overlap.SOME),
        (PartsBy.TYPE, "docx", Extent(Period(JANUARY), PDF), Overlap.NONE),
        (PartsBy.TYPE, "docx", Extent(Period(JANUARY)), Overlap.SOME),
    ],
)
def test_a_part_is_searched_where_one_of_its_documents_can_be_meant(
    parts: PartsBy, key: str, extent: Extent, expected: Overlap
) -> None:
    assert overlap(parts, key, extent) is expected


def test_a_month_is_that_of_utc_wherever_a_moment_was_said() -> None:
    east = timezone(timedelta(hours=5))
    assert overlap(PartsBy.MONTH, "2026-02", Extent(Period(datetime(2026, 3, 1, 4, 59, tzinfo=east)))) is Overlap.SOME
    assert overlap(PartsBy.MONTH, "2026-02", Extent(Period(datetime(2026, 3, 1, 5, tzinfo=east)))) is Overlap.NONE


def test_of_two_extents_both_hold() -> None:
    early, late = Extent(Period(JANUARY, MARCH), PDF), Extent(Period(FEBRUARY), frozenset({"pdf", "txt"}))
    assert early & late == Extent(Period(FEBRUARY, MARCH), PDF)
    assert early & EVERYWHERE == early
    assert Extent(types=PDF) & Extent(types=frozenset({"txt"})) == Extent(types=frozenset())


def test_filters_say_of_what_documents_they_ask_and_narrow_no_part_by_that_alone() -> None:
    asked = filters_condition(
        SearchFilters(document_types=frozenset({DocumentType.PDF}), created=Period(JANUARY, FEBRUARY))
    )
    assert asked.extent == Extent(Period(JANUARY, FEBRUARY), PDF)
    assert (asked.narrows, asked.narrows_whole) == (False, True)
    tagged = filters_condition(SearchFilters(tags_any=frozenset({"red"}), created=Period(JANUARY)))
    assert (tagged.extent, tagged.narrows) == (Extent(Period(JANUARY)), True)
    assert filters_condition(SearchFilters(updated=Period(JANUARY))).extent == EVERYWHERE
    assert not filters_condition(SearchFilters()).narrows_whole
