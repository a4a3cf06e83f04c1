"""A document's versions as a history, and two of them compared word by word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.documents.lifecycle.diffs import version_text
from apps.documents.lifecycle.edits import edit_kind
from apps.documents.lifecycle.word_diffs import WordDiff, words_diff
from apps.documents.models import VERSION_ENDED, DocumentVersion, TextEdit, VersionOrigin, VersionStatus
from apps.monitoring.workspace.document.opened import Opened, number_in
from apps.monitoring.workspace.documents.filters import STATE_WORDS, STATUSES, State
from apps.monitoring.workspace.documents.rows import TONES
from ragsite.core.actors import actor_text
from ragsite.core.errors import ConflictError, RagError
from ragsite.core.sentences import said

MOST_EDITS_SHOWN = 100
LONGEST_COMPARED = 2_000_000
"""Characters of a text that is compared while somebody waits for the page."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A version in the history."""

    version: DocumentVersion
    edits: int
    answers: bool
    may_answer: bool

    @property
    def state(self) -> State:
        return next(state for state, statuses in STATUSES.items() if self.version.status in statuses)

    @property
    def state_words(self) -> str:
        return str(STATE_WORDS[self.state])

    @property
    def tone(self) -> str:
        return TONES.get(self.state, "")

    @property
    def origin(self) -> str:
        """What made it, and what it says that its file does not."""
        return ", ".join(filter(None, (self._made, self._with_edits)))

    @property
    def by(self) -> str:
        return actor_text(self.version.actor)

    @property
    def _made(self) -> str:
        upload = self.version.rechunk_of
        match self.version.origin:
            case VersionOrigin.EDIT if upload is not None:
                return _("Version %(number)d, edited") % {"number": upload.number}
            case VersionOrigin.RECHUNK if upload is not None:
                return _("Version %(number)d, cut anew") % {"number": upload.number}
        return _("Upload of %(name)s") % {"name": self.version.filename}

    @property
    def _with_edits(self) -> str:
        if not self.edits:
            return ""
        return ngettext("with %(n)d edit", "with %(n)d edits", self.edits) % {"n": self.edits}


@dataclass(frozen=True, slots=True)
class ShownEdit:
    """An edit of the version that is looked at, in words."""

    edit: TextEdit

    @property
    def title(self) -> str:
        kinds = {"changed": _("Changed"), "left_out": _("Left out"), "added": _("Added")}
        return kinds[edit_kind(self.edit.start, self.edit.end, self.edit.text)]

    @property
    def undo(self) -> str:
        is_left_out = not self.edit.text
        return _("Take in again") if is_left_out else _("Take back")

    @property
    def by(self) -> str:
        return actor_text(self.edit.actor)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two versions and what differs, or why they can't be compared."""

    old: int
    new: int
    diff: WordDiff | None = None
    refused: str = ""


def history_of(opened: Opened) -> list[HistoryRow]:
    """The newest versions, the newest first."""
    edited = TextEdit.objects.filter(version__in=[version.pk for version in opened.versions]).order_by()
    counts = dict(edited.values_list("version").annotate(Count("pk")))
    waits = [version.number for version in opened.versions if version.status not in VERSION_ENDED]
    return [
        HistoryRow(
            version,
            edits=counts.get(version.pk, 0),
            answers=version.pk == opened.document.current_version_id,
            may_answer=opened.may_change
            and _may_answer(opened, version)
            and not any(n > version.number for n in waits),
        )
        for version in opened.versions
    ]


def edits_shown(opened: Opened) -> list[ShownEdit]:
    """The edits of the version that is looked at, in the order of the text: the first ones, and one more."""
    rows = opened.shown.edits.order_by("start")[: MOST_EDITS_SHOWN + 1]
    return [ShownEdit(row) for row in rows]


def compared(opened: Opened, asked: Mapping[str, str]) -> Compared | None:
    """The two versions that an address names, compared; None where it names no two."""
    old, new = number_in(asked, "old"), number_in(asked, "new")
    if old is None or new is None:
        return None
    found: dict[int, Any] = {
        version.number: version for version in opened.document.versions.filter(number__in=[old, new])
    }
    if len(found) != len({old, new}):
        return Compared(old, new, refused=_("There are no such two versions of this document."))
    try:
        return Compared(old, new, diff=words_diff(_text(found[old]), _text(found[new])))
    except RagError as error:
        return Compared(old, new, refused=said(error.sentence))


def _may_answer(opened: Opened, version: DocumentVersion) -> bool:
    return version.status == VersionStatus.READY and version.pk != opened.document.current_version_id


def _text(version: DocumentVersion) -> str:
    text = version_text(version)
    if len(text) > LONGEST_COMPARED:
        raise ConflictError(
            _("Version %(number)d is too long to be compared here.") % {"number": version.number},
            action=_("The API compares it line by line."),
        )
    return text
