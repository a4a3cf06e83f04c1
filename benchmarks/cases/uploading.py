"""Uploads, new versions, returns to earlier ones and removals, and what must be so after them.

A step says what it does: `post` a `file` as the document called `as`, with or without an `external_id`, `metadata`
and `tags`; `put` a `file` as the next version of a `document`; `rollback` a `document` `to` its version of that
number; `delete` a `document`. Each must be taken, and what it uploads become ready. Where a step has the pattern
`or_refused`, a refusal or failure with such words is as good, and nothing more is done then. `form` says how an
external id's letters are composed.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ragsite_client import Passage, ProblemError, RagsiteError, Upload
from ragsite_client.options import Mode, QueryOptions

from benchmarks.cases.checks import UploadCheck
from benchmarks.cases.library import UnreadableError
from benchmarks.cases.shelf import Shelf
from benchmarks.cases.texts import Wanted, shown, wrong_words

TOP = 3
Form = Literal["NFC", "NFD"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Upload a file."""

    file: str
    name: str
    external_id: str = ""
    form: Form = "NFC"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Upload a file as the next version of a document."""

    document: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """Let the version of this number, from 1, answer again."""

    document: str
    to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove a document."""

    document: str


Step = Post | Put | Rollback | Delete
STEPS: dict[str, type[Step]] = {"post": Post, "put": Put, "rollback": Rollback, "delete": Delete}


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The knowledge base has this many."""

    documents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalId:
    """So many documents are listed under this id."""

    external_id: str
    count: int
    form: Form = "NFC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The search finds the document; nothing at all, where none is named."""

    search: str
    finds: str | None
    mode: Mode = "lexical"
    filters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nowhere:
    """No passage that the search finds has this text."""

    search: str
    nowhere: str
    mode: Mode = "lexical"
    filters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The difference of the document's newest two versions names these texts and not those."""

    document: str
    changed: Sequence[Wanted]
    unchanged: Sequence[Wanted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The text of the document's present version contains and lacks these."""

    document: str
    contains: Sequence[Wanted] = ()
    lacks: Sequence[Wanted] = ()


Expectation = Documents | ExternalId | Found | Nowhere | Changed | Present
EXPECTATIONS: dict[str, type[Expectation]] = {
    "documents": Documents,
    "external_id": ExternalId,
    "nowhere": Nowhere,
    "finds": Found,
    "changed": Changed,
    "document": Present,
}
"""By the first of these fields that it has."""


def wrong_uploads(shelf: Shelf, check: UploadCheck) -> str:
    """Which step was not taken, or which expectations do not hold; empty if all is well."""
    course = _Course(shelf)
    for told in check.steps:
        if reason := course.taken(_step(told)):
            return "" if _may_be_refused(told, reason) else f"{told['do']} {told.get('file', '')}: {reason}"
    expected = [_expectation(told) for told in check.expects]
    return "; ".join(filter(None, (EXPECTED[type(one)](course, one) for one in expected)))


class _Course:
    """How the steps go: a knowledge base, and the documents in it with their versions, by the names that the case gives them."""

    def __init__(self, shelf: Shelf) -> None:
        self.library = shelf.library
        self.base = self.library.base(shelf.case.name)
        self.documents: dict[str, str] = {}
        self.versions: dict[str, list[str]] = {}
        self._path = shelf.path

    def taken(self, step: Step) -> str:
        """Why the step was not taken, or what it uploaded did not become ready; empty if all went well."""
        try:
            TAKEN[type(step)](self, step)
        except (UnreadableError, RagsiteError) as error:
            return f"{error.status} {error.detail}" if isinstance(error, ProblemError) else str(error)
        return ""

    def post(self, step: Post) -> None:
        path = self._path(step.file)
        about = {"external_id": _formed(step), "metadata": step.metadata, "tags": step.tags}
        upload = self.library.client.upload(self.base, (path.name, path.read_bytes()), **about)
        self._noted(step.name, upload)

    def put(self, step: Put) -> None:
        self._noted(step.document, self.library.replace(self.documents[step.document], self._path(step.file)))

    def roll_back(self, step: Rollback) -> None:
        document = self.documents[step.document]
        self.library.roll_back(document, self.versions[document][step.to - 1])

    def delete(self, step: Delete) -> None:
        self.library.client.delete_document(self.documents[step.document])

    def passages(self, one: Found | Nowhere) -> Sequence[Passage]:
        options: QueryOptions = {"mode": one.mode, "top_k": TOP}
        if one.filters:
            options["filters"] = one.filters
        return self.library.client.search(one.search, knowledge_bases=[self.base], **options).passages

    def _noted(self, name: str, upload: Upload) -> None:
        self.documents[name] = upload.document
        self.versions.setdefault(upload.document, []).append(upload.version.id)
        self.library.ready(upload.version.id)


def _documents(course: _Course, one: Documents) -> str:
    count = course.library.count(course.base)
    return "" if count == one.documents else f"there are {count} documents"


def _external_id(course: _Course, one: ExternalId) -> str:
    count = course.library.count(course.base, external_id=_formed(one))
    return "" if count == one.count else f"{count} documents have the external id in {one.form}"


def _found(course: _Course, one: Found) -> str:
    passages = course.passages(one)
    wanted = course.documents[one.finds] if one.finds else None
    if any(passage.document == wanted for passage in passages) if wanted else not passages:
        return ""
    return f"{shown(one.search)} with {shown(one.filters)} finds {[each.title for each in passages] or 'nothing'}"


def _nowhere(course: _Course, one: Nowhere) -> str:
    is_there = any(one.nowhere in passage.text for passage in course.passages(one))
    return f"{shown(one.nowhere)} is still found" if is_there else ""


def _changed(course: _Course, one: Changed) -> str:
    old, new = course.versions[course.documents[one.document]][-2:]
    return wrong_words(course.library.difference(new, old), one.changed, one.unchanged)


def _present(course: _Course, one: Present) -> str:
    current = course.library.client.document(course.documents[one.document]).current_version
    return wrong_words(course.library.text(current.id) if current else "", one.contains, one.lacks)


def _formed(one: Post | ExternalId) -> str:
    return unicodedata.normalize(one.form, one.external_id)


def _may_be_refused(told: Mapping[str, Any], reason: str) -> bool:
    return "or_refused" in told and re.search(told["or_refused"], reason) is not None


def _step(told: Mapping[str, Any]) -> Step:
    fields = {name: value for name, value in told.items() if name not in ("do", "as", "or_refused")}
    return STEPS[told["do"]](**fields, **({"name": told["as"]} if "as" in told else {}))


def _expectation(told: Mapping[str, Any]) -> Expectation:
    kind = next((kind for name, kind in EXPECTATIONS.items() if name in told), None)
    if kind is None:
        raise ValueError(f"Nothing is known of the expectation {json.dumps(told)}.")
    return kind(**told)


TAKEN: dict[type[Step], Callable[[_Course, Any], None]] = {
    Post: _Course.post,
    Put: _Course.put,
    Rollback: _Course.roll_back,
    Delete: _Course.delete,
}
EXPECTED: dict[type[Expectation], Callable[[_Course, Any], str]] = {
    Documents: _documents,
    ExternalId: _external_id,
    Found: _found,
    Nowhere: _nowhere,
    Changed: _changed,
    Present: _present,
}
