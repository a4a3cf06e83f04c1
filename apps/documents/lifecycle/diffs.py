"""What changed between two versions, line by line. Pure but for reading the two texts."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import accumulate

from apps.documents.models import DocumentVersion, ParsedText
from ragsite.core.errors import ConflictError

MOST_LINES = 50_000


class ChangeKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    REPLACED = "replaced"


KINDS = {"insert": ChangeKind.ADDED, "delete": ChangeKind.REMOVED, "replace": ChangeKind.REPLACED}


@dataclass(frozen=True, slots=True)
class Change:
    """A run of lines that differ. Spans are characters of the older and of the newer parsed text."""

    kind: ChangeKind
    old_start: int
    old_end: int
    new_start: int
    new_end: int
    old_text: str
    new_text: str


def version_diff(*, old: DocumentVersion, new: DocumentVersion) -> list[Change]:
    """The changes that lead from one version's text to another's.

    Raises:
        ConflictError: one of them is not parsed yet, or too long to be compared.
    """
    return text_diff(version_text(old), version_text(new))


def text_diff(old: str, new: str) -> list[Change]:
    """The changes that lead from `old` to `new`: applying them in order gives `new` exactly."""
    old_lines, new_lines = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if max(len(old_lines), len(new_lines)) > MOST_LINES:
        raise ConflictError(f"The text has more than {MOST_LINES:,} lines; that is too long to compare.")
    old_at, new_at = _starts(old_lines), _starts(new_lines)
    matcher = SequenceMatcher(None, old_lines, new_lines)
    return [
        Change(
            KINDS[kind],
            old_at[i1], old_at[i2], new_at[j1], new_at[j2],
            old[old_at[i1] : old_at[i2]], new[new_at[j1] : new_at[j2]],
        )
        for kind, i1, i2, j1, j2 in matcher.get_opcodes()
        if kind != "equal"
    ]  # fmt: skip


def _starts(lines: list[str]) -> list[int]:
    """Where each line begins, and where the last one ends."""
    return list(accumulate(map(len, lines), initial=0))


def version_text(version: DocumentVersion) -> str:
    """The text of a version.

    Raises:
        ConflictError: it is not parsed yet.
    """
    parsed = ParsedText.objects.filter(version=version).first()
    if parsed is None:
        raise ConflictError(f"Version {version.number} is not parsed yet, so it can't be compared.")
    return parsed.text
