"""Filters as they look in a request, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import Field, StrictInt

from apps.documents.intake.type_names import document_types_named
from apps.documents.languages import LANGUAGES
from apps.documents.parsing.types import DocumentType
from apps.documents.tags import tags_cleaned
from apps.retrieval.search.filters import (
    RANGES,
    InvalidFilterError,
    MetadataFilter,
    Operator,
    Period,
    SearchFilters,
)
from ragsite.gateway.names import StrictBody

MOST = 1_000
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?P<time>[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d(:\d\d)?)?)?")


class MetadataIn(StrictBody):
    """A condition on a document's metadata. Dots in a `key` separate nested keys; a list names them one by one."""

    key: str | list[str]
    op: Operator = Operator.EQ
    value: Any = Field(
        None,
        description="A text, number, true, false or null; a list of them for `in` and `not_in`; true or false for `exists`. "
        "For `gt`, `gte`, `lt` and `lte` a number, a text, or a date or point in time in ISO 8601.",
    )

    def meant(self) -> MetadataFilter:
        path = tuple(self.key.split(".") if isinstance(self.key, str) else self.key)
        value = tuple(self.value) if isinstance(self.value, list) else self.value
        if self.op in RANGES and isinstance(value, str) and _DATE.fullmatch(value):
            value = _moment(value, ".".join(path))
        return MetadataFilter(path, self.op, value)


class TagsIn(StrictBody):
    """`any` needs one of the tags, `all` each of them, `none` none."""

    any: list[str] = Field(default=[], max_length=MOST)
    all: list[str] = Field(default=[], max_length=MOST)
    none: list[str] = Field(default=[], max_length=MOST)


class PeriodIn(StrictBody):
    """Both ends are within it; a date is the whole day in UTC. One side may be left open."""

    since: str | None = Field(None, alias="from", examples=["2024-01-01"])
    until: str | None = Field(None, alias="to", examples=["2024-12-31T18:00:00Z"])

    def meant(self, name: str) -> Period:
        return Period(
            start=_begins(_moment(self.since, f"{name}.from")) if self.since is not None else None,
            end=_ends(_moment(self.until, f"{name}.to")) if self.until is not None else None,
        )


class FiltersIn(StrictBody):
    """Conditions on documents; all that are given must hold."""

    metadata: list[MetadataIn] = Field(default=[], max_length=32)
    types: list[str] = Field(default=[], max_length=50, examples=[["pdf", "spreadsheet"]])
    tags: TagsIn = TagsIn()
    languages: list[str] = Field(default=[], max_length=50, description="ISO 639-1.", examples=[["de"]])
    created: PeriodIn = Field(default_factory=lambda: PeriodIn.model_validate({}))
    updated: PeriodIn = Field(default_factory=lambda: PeriodIn.model_validate({}))
    documents: list[UUID] = Field(default=[], max_length=MOST)
    external_ids: list[str] = Field(default=[], max_length=MOST)
    versions: list[UUID] = Field(default=[], max_length=MOST, description="Of those that answer.")
    version_numbers: list[StrictInt] = Field(default=[], max_length=MOST)

    def meant(self) -> SearchFilters:
        """The filters.

        Raises:
            InvalidFilterError, InvalidTagsError, UnknownTypeNameError: one makes no sense; the message quotes it.
        """
        return SearchFilters(
            metadata=tuple(one.meant() for one in self.metadata),
            document_types=_types(self.types),
            tags_any=frozenset(tags_cleaned(self.tags.any)),
            tags_all=frozenset(tags_cleaned(self.tags.all)),
            tags_none=frozenset(tags_cleaned(self.tags.none)),
            languages=frozenset(_language(code) for code in self.languages),
            created=self.created.meant("created"),
            updated=self.updated.meant("updated"),
            document_ids=frozenset(self.documents),
            external_ids=frozenset(_plain(one) for one in self.external_ids),
            version_ids=frozenset(self.versions),
            version_numbers=frozenset(self.version_numbers),
        )


def _types(names: Iterable[str]) -> frozenset[DocumentType]:
    return frozenset(kind for name in names for kind in document_types_named(name))


def _language(code: str) -> str:
    wanted = code.strip().lower()
    if wanted not in LANGUAGES:
        raise InvalidFilterError(
            f"The filter languages {code[:40]!r} is invalid: language detection does not know it.",
            action=f"Choose from {', '.join(sorted(LANGUAGES))}.",
        )
    return wanted


def _plain(external_id: str) -> str:
    if "\x00" in external_id or any("\ud800" <= sign <= "\udfff" for sign in external_id):
        raise InvalidFilterError(
            f"The filter external_ids {external_id[:40]!r} is invalid: it holds half a character or a NUL.",
            action="Change the filter.",
        )
    return external_id


def _moment(text: str, key: str) -> date | datetime:
    """A date, or a moment with a zone."""
    found = _DATE.fullmatch(text)
    try:
        if found is None:
            raise ValueError(text)
        if not found["time"]:
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidFilterError(
            f"The filter {key[:80]!r} {text[:40]!r} is invalid: it is not a date.",
            action="Write it in ISO 8601: 2024-05-01 or 2024-05-01T10:00:00Z.",
        ) from error


def _begins(moment: date | datetime) -> datetime:
    if isinstance(moment, datetime):
        return moment
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


def _ends(moment: date | datetime) -> datetime | None:
    """The first moment after it that the database can tell apart; None, for no end, after the last one there is."""
    step = timedelta(microseconds=1) if isinstance(moment, datetime) else timedelta(days=1)
    try:
        return _begins(moment) + step
    except OverflowError:
        return None
