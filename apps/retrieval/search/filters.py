"""What a chunk must meet to be found, as SQL that every leg of a search puts into its WHERE: rights, and what was asked for.

Metadata, types, tags, languages, dates, versions and ids narrow a search; all that is given must hold. Every value becomes
a parameter, and so does every key: a condition on metadata is one jsonpath, whose keys and values are JSON texts. By
jsonpath's lax rules a list meets a condition when one of its members does, and a path goes on into the members of a list.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from itertools import chain
from operator import and_
from typing import Any, Literal
from uuid import UUID

from apps.documents.parsing.types import DocumentType
from apps.documents.rights.access import AccessScope
from ragsite.core.composing import composed, spellings
from ragsite.core.errors import PermanentError

Scalar = str | int | float | bool | None
Bound = str | int | float | date | datetime
DEEPEST = 32
MOST_VALUES = 1_000
LARGEST = 10**100

Form = Literal["NFC", "NFD"]
FORMS: tuple[Form, ...] = ("NFC", "NFD")
"""Metadata is kept in NFC; what is older may be as it was given."""

_NUMBER = "-?(0|[1-9][0-9]{0,30})([.][0-9]{1,30})?"
_IS_NUMBER = re.compile(_NUMBER)
"""Texts that are numbers. One with a zero in front is a code."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` on, and before `end`; None leaves that side open. Both have a zone."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """What holds of every document that meets a condition, as far as parts of an index are divided by it: from when on and before
    when it was added, and which type its current version is of; None leaves a side open.
    """

    created: Period = field(default=Period())
    types: frozenset[str] | None = None

    def __and__(self, other: Extent) -> Extent:
        starts = [one for one in (self.created.start, other.created.start) if one is not None]
        ends = [one for one in (self.created.end, other.created.end) if one is not None]
        types = [one for one in (self.types, other.types) if one is not None]
        created = Period(max(starts, default=None), min(ends, default=None))
        return Extent(created, reduce(frozenset.intersection, types) if types else None)


EVERYWHERE = Extent()


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL over the aliases `c` (documents_chunk) and `d` (documents_document), with its named parameters.

    `narrows` says whether it may leave out much of what a scope has within the extent, so that few chunks may meet it. One that
    does not reads nothing of `c` but `id` and `version_id`.
    """

    sql: str
    parameters: dict[str, Any]
    narrows: bool = True
    extent: Extent = EVERYWHERE

    def __and__(self, other: Condition) -> Condition:
        return Condition(
            f"{self.sql} AND {other.sql}",
            self.parameters | other.parameters,
            self.narrows or other.narrows,
            self.extent & other.extent,
        )

    @property
    def narrows_whole(self) -> bool:
        """Whether few chunks of an index that is not divided may meet it."""
        return self.narrows or self.extent != EVERYWHERE


def scope_condition(scope: AccessScope) -> Condition:
    """Only the current versions of documents that the scope allows."""
    readable = readable_condition(scope)
    return Condition(f"d.current_version_id = c.version_id AND {readable.sql}", readable.parameters, narrows=False)


def readable_condition(scope: AccessScope) -> Condition:
    """Only documents that the scope allows; of `d` alone."""
    return Condition(
        f"d.deleted_at IS NULL AND d.tenant_id = %(tenant)s::uuid AND {_READABLE}",
        {
            "tenant": scope.tenant_id,
            "knowledge_bases": list(scope.knowledge_base_ids),
            "searched": list(scope.searched_ids),
            "user": scope.subjects.user_id,
            "groups": list(scope.subjects.group_ids),
            "api_key": scope.subjects.api_key_id,
        },
        narrows=False,
    )


# The rule of apps.documents.rights.access.
_READABLE = """(
    (NOT d.restricted AND d.knowledge_base_id = ANY(%(knowledge_bases)s::uuid[]))
    OR (d.knowledge_base_id = ANY(%(searched)s::uuid[]) AND EXISTS (
        SELECT FROM documents_grant g
        WHERE g.document_id = d.id
          AND (g.user_id = %(user)s::integer OR g.group_id = ANY(%(groups)s::integer[]) OR g.api_key_id = %(api_key)s::uuid)))
)"""


class InvalidFilterError(PermanentError):
    """A filter that makes no sense; seen by those who search."""

    code = "invalid_filter"


class Operator(StrEnum):
    """How a value of the metadata must stand to the filter's. `ne` and `not_in` hold where the key is missing, too."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "not_in"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    EXISTS = "exists"


RANGES = {Operator.GT: ">", Operator.GTE: ">=", Operator.LT: "<", Operator.LTE: "<="}
LISTS = (Operator.IN, Operator.NOT_IN)
NEGATED = (Operator.NE, Operator.NOT_IN)


@dataclass(frozen=True, slots=True)
class MetadataFilter:
    """A condition on the value in a document's metadata at a path of keys.

    Only values of one kind are compared: a number with numbers and texts that are one in digits, a text with texts by code
    points, in NFC, and with numbers if it is one, a date or moment with texts that are one by ISO 8601, in full and with seconds.
    A moment without a zone is in UTC, and a date is the whole day.

    Raises InvalidFilterError.
    """

    path: tuple[str, ...]
    operator: Operator
    value: Scalar | date | datetime | tuple[Scalar, ...] = None

    def __post_init__(self) -> None:
        if not 0 < len(self.path) <= DEEPEST or not all(map(_is_text, self.path)):
            raise self._invalid("its key must be 1 to 32 names")
        fault = _FAULTS.get(self.operator, _fault_of_scalar)(self.value)
        if fault:
            raise self._invalid(fault)

    def _invalid(self, why: str) -> InvalidFilterError:
        return InvalidFilterError(
            f"The filter {'.'.join(map(str, self.path))[:80]!r} {self.operator} {str(self.value)[:80]!r} is invalid: {why}.",
            action="Change the filter.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilters:
    """What must hold of a document, its current version, and so of every chunk that is found; what is empty asks nothing.

    `tags_any` needs one of the tags, `tags_all` each, `tags_none` none. Languages are ISO 639-1 codes.
    """

    metadata: tuple[MetadataFilter, ...] = ()
    document_types: frozenset[DocumentType] = frozenset()
    tags_any: frozenset[str] = frozenset()
    tags_all: frozenset[str] = frozenset()
    tags_none: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    created: Period = field(default=Period())
    updated: Period = field(default=Period())
    document_ids: frozenset[UUID] = frozenset()
    external_ids: frozenset[str] = frozenset()
    version_ids: frozenset[UUID] = frozenset()
    version_numbers: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        """Whether it narrows anything."""
        return self != NO_FILTERS


NO_FILTERS = SearchFilters()


def filters_condition(filters: SearchFilters) -> Condition:
    """The filters as a condition, beside the scope's own; its parameters' names begin with `filter_`."""
    return reduce(and_, _conditions(filters), Condition("TRUE", {}, narrows=False))


def _conditions(filters: SearchFilters) -> Iterator[Condition]:
    for number, one in enumerate(filters.metadata):
        yield _metadata_condition(one, name=f"filter_metadata_{number}")
    for name, sql in _SQL.items():
        values = getattr(filters, name)
        if values and name == "external_ids":
            values = frozenset(chain.from_iterable(map(spellings, values)))
        if values and name == "document_types":
            yield Condition(
                sql, {f"filter_{name}": sorted(values)}, narrows=False, extent=Extent(types=frozenset(values))
            )
        elif values:
            yield Condition(sql, {f"filter_{name}": sorted(values)})
    for condition in _period_conditions(filters.created, "created"):
        yield replace(condition, narrows=False, extent=Extent(created=filters.created))
    yield from _period_conditions(filters.updated, "updated")


def _period_conditions(period: Period, name: str) -> Iterator[Condition]:
    if period.start is not None:
        yield Condition(f"d.{name}_at >= %(filter_{name}_start)s", {f"filter_{name}_start": period.start})
    if period.end is not None:
        yield Condition(f"d.{name}_at < %(filter_{name}_end)s", {f"filter_{name}_end": period.end})


def _metadata_condition(one: MetadataFilter, *, name: str) -> Condition:
    places = list(dict.fromkeys(_place(one.path, form) for form in FORMS))
    if one.operator is Operator.EXISTS:
        path = " || ".join(f"exists({place})" for place in places)
        return _jsonpath(f"d.metadata @@ %({name})s::jsonpath", name, path, negated=one.value is False)
    if isinstance(one.value, date):
        moments = [f"exists({_moments(place, one.operator, one.value)})" for place in places]
        return _jsonpath(_AS_MOMENTS.format(name=name), name, " || ".join(moments))
    values = one.value if isinstance(one.value, tuple) else (one.value,)
    compared = _within if one.operator in RANGES else _equal
    path = " || ".join(chain.from_iterable(compared(place, one.operator, v) for place in places for v in values))
    return _jsonpath(f"d.metadata @@ %({name})s::jsonpath", name, path, negated=one.operator in NEGATED)


def _place(keys: Sequence[str], form: Form) -> str:
    return "$" + "".join(f".{json.dumps(unicodedata.normalize(form, key))}" for key in keys)


def _equal(place: str, operator: Operator, value: Scalar) -> Iterator[str]:
    """What says that the value stands there: as it is, and as a number or text that is written like it."""
    if isinstance(value, str):
        yield from (f"{place} == {json.dumps(spelled)}" for spelled in spellings(value))
        if _IS_NUMBER.fullmatch(value):
            yield f"{place} == {value}"
    else:
        yield f"{place} == {json.dumps(value)}"
        if value is not None and not isinstance(value, bool):
            yield f'{place} == "{_in_digits(value)}"'


def _within(place: str, operator: Operator, bound: Any) -> Iterator[str]:
    """What says that a value within the bound stands there; a text that is a number counts as one beside a number."""
    sign = RANGES[operator]
    if isinstance(bound, str):
        yield f"{place} {sign} {json.dumps(composed(bound))}"
        if _IS_NUMBER.fullmatch(bound):
            yield f"{place} {sign} {bound}"
    else:
        yield f"{place} {sign} {json.dumps(bound)}"
        yield f'exists({place} ? (@ like_regex "^{_NUMBER}$" && @.double() {sign} {json.dumps(bound)}))'


def _in_digits(number: float) -> str:
    """A number as people write it: without an exponent, and without decimals that say nothing."""
    return f"{Decimal(repr(number)):f}".removesuffix(".0")


def _jsonpath(sql: str, name: str, path: str, *, negated: bool = False) -> Condition:
    """A comparison of different kinds is neither true nor false, so a negated one asks for what is not true."""
    return Condition(f"({sql}) IS NOT TRUE" if negated else sql, {name: path})


def _moments(keys: str, operator: Operator, bound: date | datetime) -> str:
    sign, moment = RANGES[operator], bound
    if not isinstance(bound, datetime):
        # A day has ended when the next one begins.
        ends = operator in (Operator.GT, Operator.LTE)
        sign = {Operator.GT: ">=", Operator.LTE: "<"}.get(operator, sign)
        moment = datetime(bound.year, bound.month, bound.day, tzinfo=UTC) + timedelta(days=1 if ends else 0)
    return f'{keys} ? (@.datetime() {sign} "{_in_utc(moment).isoformat()}".datetime())'


def _in_utc(moment: Any) -> datetime:
    aware: datetime = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC)


def _fault_of_scalar(value: object) -> str:
    if isinstance(value, float | int) and not abs(value) < LARGEST:
        return "the number is too large"
    if isinstance(value, str) and not _is_text(value):
        return "the text holds half a character or a NUL"
    return (
        ""
        if value is None or isinstance(value, str | float | int)
        else "it needs a text, a number, true, false or null"
    )


def _fault_of_list(values: object) -> str:
    if not isinstance(values, tuple) or not 0 < len(values) <= MOST_VALUES:
        return f"it needs a list of 1 to {MOST_VALUES} values"
    return next(filter(None, map(_fault_of_scalar, values)), "")


def _fault_of_bound(value: object) -> str:
    if isinstance(value, date):
        return "" if value.year < date.max.year else "the date is too late"
    if value is None or isinstance(value, bool):
        return "comparing greater or less needs a number, a text or a date"
    return _fault_of_scalar(value)


def _fault_of_existing(value: object) -> str:
    return "" if isinstance(value, bool) else "it needs true or false"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not any(sign == "\x00" or "\ud800" <= sign <= "\udfff" for sign in value)


_FAULTS: dict[Operator, Callable[[object], str]] = {
    **dict.fromkeys(RANGES, _fault_of_bound),
    **dict.fromkeys(LISTS, _fault_of_list),
    Operator.EXISTS: _fault_of_existing,
}

# Silent: a text that is no date is not met, and no error.
_AS_MOMENTS = "jsonb_path_match_tz(d.metadata, %({name})s::jsonpath, '{{}}', true)"

_SQL = {
    "document_types": "d.document_type = ANY(%(filter_document_types)s)",
    "languages": "d.language = ANY(%(filter_languages)s)",
    "tags_any": "d.tags && %(filter_tags_any)s::text[]",
    "tags_all": "d.tags @> %(filter_tags_all)s::text[]",
    "tags_none": "NOT d.tags && %(filter_tags_none)s::text[]",
    "document_ids": "d.id = ANY(%(filter_document_ids)s)",
    "external_ids": "d.external_id = ANY(%(filter_external_ids)s)",
    "version_ids": "c.version_id = ANY(%(filter_version_ids)s)",
    "version_numbers": """EXISTS (
        SELECT FROM documents_documentversion v
        WHERE v.id = d.current_version_id AND v.number = ANY(%(filter_version_numbers)s))""",
}
