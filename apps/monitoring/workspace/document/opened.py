"""The document that is looked at, and which version of it, with what the user may do there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.http import Http404

from apps.documents.admin.addresses import document_url
from apps.documents.models import VERSION_ENDED, Document, DocumentVersion
from apps.documents.rights.access import documents_shown_to
from apps.documents.rights.originals import may_open_files
from apps.monitoring.workspace.place import Place

MOST_VERSIONS = 30
"""The newest ones are shown; older ones are in the list of versions."""

LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Opened:
    """A document with its newest versions, and the one that is looked at. Without slots: it keeps what it looked up."""

    place: Place
    document: Document
    versions: tuple[DocumentVersion, ...]
    has_older: bool
    shown: DocumentVersion

    @property
    def newest(self) -> DocumentVersion:
        return self.versions[0]

    @property
    def answers(self) -> DocumentVersion | None:
        return self.document.current_version

    @property
    def is_under_way(self) -> bool:
        return any(version.status not in VERSION_ENDED for version in self.versions)

    @property
    def url(self) -> str:
        return document_url(self.document)

    @property
    def shows_what_answers(self) -> bool:
        return self.shown.pk == self.document.current_version_id

    @cached_property
    def may_read(self) -> bool:
        """Whether the user may look at the text."""
        return self.place.may("documents.view_chunk")

    @cached_property
    def may_change(self) -> bool:
        return self.place.may("documents.change_document")

    @cached_property
    def may_download(self) -> bool:
        """Whether the user may have the file: it may show what is masked in its text."""
        return self.may_read and may_open_files(self.place.knowledge_base, may_change=self.may_change)

    @property
    def may_edit(self) -> bool:
        """Whether passages can be edited here and now: those of what answers, while nothing is under way."""
        return self.may_change and self.shows_what_answers and not self.is_under_way


def opened(place: Place, document_id: UUID, *, number: int | None = None) -> Opened:
    """The document of the knowledge base, if the user is shown it, at a version by its number; else at the one that answers.

    Raises:
        Http404: there is no such document, or no such version of it.
    """
    shown = documents_shown_to(place.request.user).filter(knowledge_base=place.knowledge_base)
    document = shown.select_related("current_version__rechunk_of").filter(pk=document_id).first()
    if document is None:
        raise Http404(f"There is no document {document_id}.")
    document.knowledge_base = place.knowledge_base
    rows = document.versions.select_related("rechunk_of").prefetch_related("stages").order_by("-number")
    versions = list(rows[: MOST_VERSIONS + 1])
    looked_at = _named(document, versions, number) if number else document.current_version or versions[0]
    for version in (*versions, looked_at, document.current_version):
        if version is not None:
            version.document = document
    return Opened(place, document, tuple(versions[:MOST_VERSIONS]), len(versions) > MOST_VERSIONS, looked_at)


def number_in(said: Mapping[str, str], name: str) -> int | None:
    """A whole number of an address; None where it is none, or none that a place can have."""
    text = said.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and int(text) <= LARGEST else None


def _named(document: Document, versions: list[DocumentVersion], number: int) -> DocumentVersion:
    found = next((version for version in versions if version.number == number), None)
    if found is None:
        found = document.versions.select_related("rechunk_of").filter(number=number).first()
    if found is None:
        raise Http404(f"There is no version {number} of this document.")
    return found
