"""The kinds of requests: which route is of which kind, how much of a kind runs at once, and how large its bodies may be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ragsite.core.configuration import MEGABYTE, AdmissionSettings, UploadSettings


class Kind(StrEnum):
    UPLOAD = "upload"
    SEARCH = "search"
    ANSWER = "answer"
    FETCH = "fetch"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Capacity:
    """Of one kind: requests that run at once, that may wait for their turn, and how long each may."""

    at_once: int
    waiting: int
    wait_seconds: float

    @property
    def at_once_of_one(self) -> int:
        """How many of them one tenant may have: an eighth, and one at least, is left for the others."""
        return max(1, self.at_once - max(1, self.at_once // 8))


@dataclass(frozen=True, slots=True)
class Route:
    """Requests whose method and path match are of this kind, and their bodies have at most so many bytes.

    `owner` says where people's work belongs: the model of the row that the path names as `row`, and which field has its tenant.
    """

    kind: Kind
    body_bytes: int
    methods: str = ".*"
    path: str = ".*"
    owner: str = ""

    def takes(self, method: str, path: str) -> bool:
        # In a path, %0A is a character like any other.
        return bool(re.fullmatch(self.methods, method) and re.fullmatch(self.path, path, re.DOTALL))

    def named(self, path: str) -> str:
        """The key of the row that a path of this route names."""
        found = re.fullmatch(self.path, path, re.DOTALL)
        return found["row"] if found else ""


SMALL_BODY_BYTES = MEGABYTE
"""What JSON and the forms of the admin need."""

BASE, DOCUMENT = "documents.KnowledgeBase.tenant_id", "documents.Document.tenant_id"
SET = "retrieval.EvaluationSet.knowledge_base__tenant_id"


def capacities() -> dict[Kind, Capacity]:
    """The kinds of work of this installation."""
    settings = AdmissionSettings.current()
    at_once = {
        Kind.UPLOAD: settings.uploads,
        Kind.SEARCH: settings.searches,
        Kind.ANSWER: settings.answers,
        Kind.FETCH: settings.fetches,
        Kind.OTHER: settings.others,
    }
    return {kind: Capacity(number, settings.waiting, settings.seconds) for kind, number in at_once.items()}


def routes() -> tuple[Route, ...]:
    """Every route's kind; the first that takes a request counts, and the last takes all that is left.

    A file may be twice as large as is accepted, so that the door itself names it and refuses it.
    """
    uploads = UploadSettings.current()
    one, many = 2 * uploads.max_bytes + MEGABYTE, (uploads.max_files + 1) * uploads.max_bytes
    return (
        Route(Kind.UPLOAD, many, "POST", "/api/v1/documents/bulk/"),
        Route(Kind.FETCH, SMALL_BODY_BYTES, "POST", "/api/v1/documents/from-url/"),
        Route(Kind.UPLOAD, one, "POST", "/api/v1/documents/"),
        Route(Kind.UPLOAD, one, "PUT", "/api/v1/documents/[^/]+/"),
        Route(Kind.UPLOAD, one, "POST", "/api/v1/documents/[^/]+/versions/"),
        Route(Kind.UPLOAD, many, "POST", "/api/v1/evaluation-sets/[^/]+/import/"),
        Route(Kind.UPLOAD, many, "POST", "/admin/knowledge-bases/(?P<row>[^/]+)/documents/upload/", BASE),
        Route(Kind.UPLOAD, many, "POST", "/admin/documents/document/(?P<row>.+)/new_version/", DOCUMENT),
        Route(Kind.UPLOAD, many, "POST", "/admin/retrieval/evaluationset/(?P<row>.+)/import_questions/", SET),
        Route(Kind.SEARCH, SMALL_BODY_BYTES, "POST", "/api/v1/search"),
        Route(Kind.ANSWER, SMALL_BODY_BYTES, "POST", "/api/v1/ask"),
        Route(Kind.SEARCH, SMALL_BODY_BYTES, "POST", "/v1/embeddings"),
        Route(Kind.ANSWER, SMALL_BODY_BYTES, "POST", "/v1/chat/completions"),
        Route(Kind.ANSWER, SMALL_BODY_BYTES, "POST", "/v1/responses"),
        Route(Kind.ANSWER, SMALL_BODY_BYTES, "POST", "/admin/knowledge-bases/(?P<row>[^/]+)/ask/(stream/)?", BASE),
        Route(Kind.OTHER, SMALL_BODY_BYTES),
    )


def route_of(method: str, path: str, table: Sequence[Route]) -> Route:
    """The first route of the table that takes the request."""
    return next(route for route in table if route.takes(method, path))
