"""A version's text by a knowledge base's masking: what is shown of it, and what of it is set aside.

Masks are as long as what they stand for, so every span of the one text is the same span of the other. What is shown is what is
kept as the version's text, so nobody who reads it has to think of masks; the original of a text with masks is kept only where it
is indexed by what it says, in a table that no reader's role may read. See ADR 64.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from apps.documents.masking.settings import MaskingMode, MaskingSettings
from apps.documents.models import OriginalText, ParsedText
from apps.documents.parsing.types import ParsedDocument, sections_from_list
from ragsite.core.masking.kinds import Kind
from ragsite.core.masking.masks import Masks, masks_of
from ragsite.core.masking.names import name_finds


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says: its text, where its sections lie under which headings, its title, and what else it says of itself."""

    text: str
    sections: Sequence[Mapping[str, Any]]
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, row: ParsedText | OriginalText) -> Said:
        return cls(row.text, row.sections, row.title, row.metadata)

    def document(self) -> ParsedDocument:
        """As chunking takes it."""
        return ParsedDocument(self.text, sections_from_list(self.sections), self.title, dict(self.metadata))


def text_mask(parsed: ParsedText, raw: Said, masking: MaskingSettings, *, tenant_id: UUID) -> OriginalText | None:
    """Put into the row what is to be shown of `raw`; what is to be set aside of it, if anything is.

    Neither is saved.
    """
    shown, counts = raw, dict[str, int]()
    if masking.mode is not MaskingMode.OFF:
        masked, counts = said_masked(raw, masking, masks_of(tenant_id))
        shown = masked if masking.masks else raw
    parsed.text, parsed.sections = shown.text, list(shown.sections)
    parsed.title, parsed.metadata = shown.title, dict(shown.metadata)
    parsed.masked_as, parsed.finds = masking.applied, counts
    if not masking.keeps_originals or shown == raw:
        return None
    return OriginalText(
        version_id=parsed.version_id, text=raw.text, sections=list(raw.sections), title=raw.title,
        metadata=dict(raw.metadata),
    )  # fmt: skip


def said_masked(raw: Said, masking: MaskingSettings, masks: Masks) -> tuple[Said, dict[str, int]]:
    """The same with masks, and how many values of each kind its text has."""
    kinds = masking.kinds
    names = name_finds(raw.text) if Kind.NAME in kinds else ()
    text = masks.masked(raw.text, kinds, more=names)
    short = _Short(masks, kinds)
    sections = [_section(one, short) for one in raw.sections]
    metadata = {key: short(value) if isinstance(value, str) else value for key, value in raw.metadata.items()}
    counts = {kind.value: count for kind, count in text.counts.items()}
    return Said(text.text, sections, short(raw.title), metadata), counts


def raw_of(parsed: ParsedText, original: OriginalText | None) -> Said:
    """What there is of a version's own text: the original, where it is set aside."""
    return Said.of(original or parsed)


def header_shown(header: str, *, raw: str, shown: str) -> str:
    """The names of a table's columns, which stand in `raw`, as they stand in the text that is shown."""
    at = raw.find(header) if header else -1
    return shown[at : at + len(header)] if at >= 0 else header


def originals_of(version_ids: Collection[UUID]) -> dict[UUID, str]:
    """The texts by which versions are indexed, of those whose shown text has masks instead."""
    rows = OriginalText.objects.filter(version__in=version_ids).order_by()
    return dict(rows.values_list("version_id", "text"))


class _Short:
    """Masks short texts, of which the same come again and again."""

    def __init__(self, masks: Masks, kinds: Collection[Kind]) -> None:
        self._masks, self._kinds = masks, kinds
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        if text not in self._known:
            self._known[text] = self._masks.masked(text, self._kinds).text
        return self._known[text]


def _section(section: Mapping[str, Any], short: _Short) -> dict[str, Any]:
    place = section["place"]
    if place and place.get("label"):
        place = {**place, "label": short(place["label"])}
    return {**section, "heading_path": [short(one) for one in section["heading_path"]], "place": place}
