"""What filters mean, in plain Python: the oracle that the SQL is compared with; and random metadata to try it on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from apps.documents.parsing.types import DocumentType
from apps.retrieval.search.filters import LISTS, RANGES, MetadataFilter, Operator, Period, SearchFilters

MOMENTS = {
    "2024-01-01": datetime(2024, 1, 1, tzinfo=UTC),
    "2024-01-02": datetime(2024, 1, 2, tzinfo=UTC),
    "2023-12-31T23:59:59": datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC),
    "2024-01-01 10:00:00": datetime(2024, 1, 1, 10, tzinfo=UTC),
    "2024-01-01T10:00:00.000500+00:00": datetime(2024, 1, 1, 10, 0, 0, 500, tzinfo=UTC),
    "2024-01-01T23:30:00-02:00": datetime(2024, 1, 2, 1, 30, tzinfo=UTC),
}
"""Texts that are dates, and the moment each is, or begins at."""

KEYS = ("a", "b", "a.b", "", 'q"\\', "é😀\n")
NUMERALS = {text: Decimal(text) for text in ("1", "-5", "2.5", "10000000000000000")}
"""Texts that are numbers; "01" and "1e0" are none."""

TEXTS = (
    *(*MOMENTS, *NUMERALS, "01", "1e0"),
    *("2024-01", "12:00:00", "not a date", "", "Zebra", "zebra", 'say "%s" \\ $.a', "é😀"),
)
NUMBERS = (0, 1, 1.0, -5, 2.5, 0.1, 1e16, 10**20, 1e-7)
TAGS = ("draft", "Draft", "50 %", "é")
SIGNS: dict[str, Callable[[Any, Any], bool]] = {">": gt, ">=": ge, "<": lt, "<=": le, "==": eq}

scalars = st.one_of(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.booleans(), st.none())
metadata = st.dictionaries(
    st.sampled_from(KEYS),
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2),
        max_leaves=5,
    ),
    max_size=4,
)
bounds = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from(NUMBERS),
    st.sampled_from([date(2023, 12, 31), date(2024, 1, 1), date(2024, 1, 2)]),
    st.sampled_from([*MOMENTS.values(), datetime(2024, 1, 1, 10)]),
)
VALUES = {
    **dict.fromkeys(RANGES, bounds),
    **dict.fromkeys(LISTS, st.lists(scalars, min_size=1, max_size=3).map(tuple)),
    Operator.EXISTS: st.booleans(),
}


@st.composite
def metadata_filters(draw: st.DrawFn) -> MetadataFilter:
    path = tuple(draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=2)))
    operator = draw(st.sampled_from(Operator))
    return MetadataFilter(path, operator, draw(VALUES.get(operator, scalars)))


@dataclass(frozen=True, slots=True)
class Known:
    """A document as the oracle sees it."""

    id: UUID
    external_id: str
    version_id: UUID
    version_number: int
    document_type: str
    language: str
    tags: frozenset[str]
    created: datetime
    metadata: dict[str, Any]


def meets(document: Known, filters: SearchFilters) -> bool:
    tags = document.tags
    return all(
        (
            all(metadata_meets(document.metadata, one) for one in filters.metadata),
            not filters.document_types or document.document_type in filters.document_types,
            not filters.languages or document.language in filters.languages,
            not filters.tags_any or bool(tags & filters.tags_any),
            filters.tags_all <= tags,
            not tags & filters.tags_none,
            _within(document.created, filters.created),
            not filters.document_ids or document.id in filters.document_ids,
            not filters.external_ids or document.external_id in filters.external_ids,
            not filters.version_ids or document.version_id in filters.version_ids,
            not filters.version_numbers or document.version_number in filters.version_numbers,
        )
    )


def metadata_meets(metadata: dict[str, Any], one: MetadataFilter) -> bool:
    reached = list(_reached(metadata, one.path))
    match one.operator:
        case Operator.EXISTS:
            return bool(reached) is one.value
        case Operator.EQ:
            return _any_is(reached, [one.value])
        case Operator.NE:
            return not _any_is(reached, [one.value])
        case Operator.IN:
            return _any_is(reached, one.value)
        case Operator.NOT_IN:
            return not _any_is(reached, one.value)
    if isinstance(one.value, date):
        return any(_moment_meets(item, one) for item in _unwrapped(reached))
    return any(_compared(item, RANGES[one.operator], one.value) for item in _unwrapped(reached))


def _reached(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """What stands at the path, which goes on into the members of lists."""
    if not path:
        yield value
        return
    for item in _unwrapped([value]):
        if isinstance(item, dict) and path[0] in item:
            yield from _reached(item[path[0]], path[1:])


def _unwrapped(items: list[Any]) -> list[Any]:
    return [member for item in items for member in (item if isinstance(item, list) else [item])]


def _any_is(reached: list[Any], values: Any) -> bool:
    return any(_compared(item, "==", value) for item in _unwrapped(reached) for value in values)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _compared(item: Any, sign: str, value: Any) -> bool:
    """A text that is a number is one beside a number."""
    if {_kind(item), _kind(value)} == {"number", "str"}:
        one, other = (NUMERALS.get(each) if isinstance(each, str) else Decimal(repr(each)) for each in (item, value))
        return one is not None and other is not None and SIGNS[sign](one, other)
    if _kind(item) != _kind(value) or isinstance(item, list | dict):
        return False
    if _kind(item) == "number":
        return SIGNS[sign](Decimal(repr(item)), Decimal(repr(value)))
    return SIGNS[sign](item, value)


def _moment_meets(item: Any, one: MetadataFilter) -> bool:
    """A list within a list is one of dates as a whole, or not at all."""
    members = item if isinstance(item, list) else [item]
    if not all(isinstance(member, str) and member in MOMENTS | {"12:00:00": None} for member in members):
        return False
    return any(_moment_compared(MOMENTS[member], one) for member in members if member in MOMENTS)


def _moment_compared(moment: datetime, one: MetadataFilter) -> bool:
    bound: Any = one.value
    if isinstance(bound, datetime):
        return SIGNS[RANGES[one.operator]](moment, bound if bound.tzinfo else bound.replace(tzinfo=UTC))
    begins = datetime.combine(bound, time(), UTC)
    ends = begins + timedelta(days=1)
    return {
        Operator.GT: moment >= ends,
        Operator.GTE: moment >= begins,
        Operator.LT: moment < begins,
        Operator.LTE: moment < ends,
    }[one.operator]


def _within(moment: datetime, period: Period) -> bool:
    return (period.start is None or moment >= period.start) and (period.end is None or moment < period.end)


def some(values: Any) -> st.SearchStrategy[frozenset[Any]]:
    """Mostly nothing, so that several filters at once still find something."""
    return st.one_of(st.just(frozenset()), st.just(frozenset()), st.frozensets(st.sampled_from(values), max_size=3))


def search_filters(documents: list[Known]) -> st.SearchStrategy[SearchFilters]:
    """Random filters by what these documents have, and by what none has."""
    moments = st.none() | st.sampled_from([one.created for one in documents])
    return st.builds(
        SearchFilters,
        metadata=st.lists(metadata_filters(), max_size=2).map(tuple),
        document_types=some([DocumentType.TEXT, DocumentType.PDF, DocumentType.CODE]),
        tags_any=some(TAGS),
        tags_all=some(TAGS),
        tags_none=some(TAGS),
        languages=some(["de", "en", "ja"]),
        created=st.builds(Period, moments, moments),
        document_ids=some([one.id for one in documents]),
        external_ids=some([one.external_id for one in documents]),
        version_ids=some([one.version_id for one in documents]),
        version_numbers=some([1, 2, 3]),
    )
