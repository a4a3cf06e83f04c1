"""States and places in the words people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.template.defaultfilters import floatformat
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop

from apps.documents.chunking.settings import ChunkingSettings, ChunkingStrategy
from apps.documents.models import Document, DocumentVersion, StageOutcome, VersionStatus
from apps.documents.parsing.types import PlaceKind
from ragsite.core.admin.base import badge
from ragsite.core.numbers import number_shown

STATUS_WORDS: dict[str, str] = {
    VersionStatus.UPLOADED: gettext_noop("uploaded"),
    VersionStatus.PARSED: gettext_noop("parsed"),
    VersionStatus.CHUNKED: gettext_noop("cut into passages"),
    VersionStatus.EMBEDDED: gettext_noop("embedded"),
    VersionStatus.READY: gettext_noop("ready"),
    VersionStatus.FAILED: gettext_noop("failed"),
    VersionStatus.CANCELLED: gettext_noop("cancelled"),
}
STATUS_TONES: dict[str, str | None] = {
    VersionStatus.READY: "success",
    VersionStatus.FAILED: "danger",
    VersionStatus.CANCELLED: None,
}
OUTCOME_TONES: dict[str, str | None] = {
    StageOutcome.RUNNING: "info",
    StageOutcome.DONE: "success",
    StageOutcome.POSTPONED: "warning",
    StageOutcome.FAILED: "danger",
    StageOutcome.CANCELLED: None,
}
PLACES: Mapping[str, str] = {
    PlaceKind.PAGE: gettext_noop("page %(at)s"),
    PlaceKind.SLIDE: gettext_noop("slide %(at)s"),
    PlaceKind.SHEET: gettext_noop("sheet %(at)s"),
    PlaceKind.ROW: gettext_noop("row %(at)s"),
    PlaceKind.LINE: gettext_noop("line %(at)s"),
}
STRATEGIES: Mapping[str, str] = {
    ChunkingStrategy.SENTENCE: gettext_noop("By sentence, at most %(size)s tokens, %(overlap)s of them repeated"),
    ChunkingStrategy.HEADING: gettext_noop("By heading, at most %(size)s tokens, %(overlap)s of them repeated"),
    ChunkingStrategy.TOKENS: gettext_noop("By tokens, at most %(size)s tokens, %(overlap)s of them repeated"),
    ChunkingStrategy.SEMANTIC: gettext_noop("By meaning, at most %(size)s tokens, %(overlap)s of them repeated"),
}
KILOBYTE = 1024


def status_badge(status: str) -> SafeString:
    """A version's status as a coloured label; one that is on its way is neither good nor bad."""
    return badge(gettext(STATUS_WORDS[status]), STATUS_TONES.get(status, "info"))


def name_over_title(one: Document) -> SafeString:
    """What a document is called, and beneath it its title where that is another one."""
    if one.name == one.title:
        return conditional_escape(one.name)
    return format_html('{}<br><span class="rag-muted">{}</span>', one.name, one.title)


def seconds_in_words(seconds: float | None) -> str:
    return gettext("running") if seconds is None else f"{number_shown(seconds, 2)} s"


def place_in_words(place: Mapping[str, Any] | None) -> str:
    """`page 3`, `sheet Costs`; empty when the file has no places."""
    if not place:
        return ""
    if place["kind"] == PlaceKind.POINTER:
        return str(place["label"])
    at = place["number"] if place["number"] is not None else place["label"]
    if place.get("last") is not None:
        return gettext("pages %(first)s to %(last)s") % {"first": at, "last": place["last"]}
    words = (gettext(PLACES[place["kind"]]) % {"at": at}).strip()
    rows = place.get("rows")
    if rows:
        words += ", " + gettext("rows %(first)s to %(last)s") % {"first": rows[0], "last": rows[1]}
    return words


def span_in_words(start: int, end: int) -> str:
    """From which character to which."""
    return gettext("%(first)s to %(last)s") % {"first": number_shown(start), "last": number_shown(end)}


def heading_in_words(heading_path: Sequence[str]) -> str:
    return " › ".join(heading_path)


def where_in_words(heading_path: Sequence[str], place: Mapping[str, Any] | None) -> str:
    """Headings and place together, as a reader would look it up."""
    return " · ".join(part for part in (heading_in_words(heading_path), place_in_words(place)) if part)


def chunking_in_words(chunking: ChunkingSettings) -> str:
    return gettext(STRATEGIES[chunking.strategy]) % {"size": chunking.size, "overlap": chunking.overlap}


def origin_in_words(version: DocumentVersion) -> str:
    """What made the version: an upload, or an edit or other chunking of one."""
    if version.rechunk_of is None:
        return gettext("Upload")
    made = gettext("Version %(number)s, edited") if version.edited else gettext("Version %(number)s, cut anew")
    return made % {"number": version.rechunk_of.number}


def size_in_words(size: int) -> str:
    """Bytes in the unit that reads best."""
    amount, unit = float(size), ""
    for larger in ("KB", "MB", "GB"):
        if amount < KILOBYTE:
            break
        amount, unit = amount / KILOBYTE, larger
    return f"{floatformat(amount, 1)} {unit}" if unit else gettext("%(size)s bytes") % {"size": size}
