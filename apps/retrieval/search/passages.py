"""A passage: a chunk that a search retrieved, with all that is needed to show and to cite it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from apps.documents.document_names import document_name
from apps.retrieval.search.fusion import Scores
from apps.retrieval.search.surroundings import Neighbour, ParentSection


@dataclass(frozen=True, slots=True)
class Passage:
    """`start` and `end` are characters in the version's parsed text; `score` is the one that passages are ordered by.

    `neighbours` and `section` are what stands around it, where a search asked for them. `document_told` is what the file told as
    its title.
    """

    chunk_id: int
    document_id: UUID
    document_title: str
    knowledge_base_id: UUID
    version_id: UUID
    version_number: int
    start: int
    end: int
    text: str
    heading_path: tuple[str, ...]
    place: dict[str, Any] | None
    score: float
    scores: Scores = field(default_factory=Scores)
    document_told: str = ""
    neighbours: tuple[Neighbour, ...] = ()
    section: ParentSection | None = None

    @property
    def document_name(self) -> str:
        """What people call its document."""
        return document_name(self.document_title, self.document_told)
