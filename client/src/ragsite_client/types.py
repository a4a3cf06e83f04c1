"""What ragsite replies, as far as an application needs it. Fields that are not named here are passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with a field of a request; one without a name is about all of it."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request failed (RFC 9457). `code` is stable; `detail` is for people and says what to do."""

    status: int
    code: str
    detail: str
    title: str = ""
    errors: tuple[FieldError, ...] = ()
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """Documents that are searched together. Its `etag` is known where it was read by its id, or changed."""

    id: str
    name: str
    description: str = ""
    visibility: str = ""
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of work: a `step`, a call of a `model`, a `wait`, or a `try` that failed by the code in `failed`. Begun `at`
    milliseconds after the first.
    """

    name: str
    kind: str
    at: float
    milliseconds: float
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a document on its way; it answers once `status` is `ready`. Its `timeline` and `trace_id` are known where it
    was read by its own address.
    """

    id: str
    status: str
    filename: str = ""
    number: int = 0
    chunk_count: int = 0
    error: str = ""
    error_code: str = ""
    timeline: tuple[Mark, ...] = field(default=(), compare=False)
    trace_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A document; `current_version` answers, and `status` is that of its newest version. People call it by its `name`. Its
    `etag` is known where it was read by its id, or changed.
    """

    id: str
    knowledge_base: str
    title: str
    status: str | None
    external_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    document_type: str = ""
    current_version: Version | None = None
    etag: str = field(default="", compare=False)
    name: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """`outcome` is `created`, `new_version` or `unchanged`."""

    outcome: str
    document: str
    version: Version


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file of many: its document's version, or the error that it was refused for."""

    filename: str
    outcome: str | None = None
    document: str | None = None
    version: Version | None = None
    error: Problem | None = None


@dataclass(frozen=True, slots=True)
class FileResults:
    """One result for each file, in their order."""

    results: tuple[FileResult, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the original file, such as page 3; `last` is the last page of what goes on over the end of one."""

    kind: str
    number: int | None = None
    label: str = ""
    rows: tuple[int, ...] | None = None
    page: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span of a document version; `start` and `end` are characters of its parsed text. People call its document by `name`."""

    document: str
    title: str
    version: str
    version_number: int
    start: int
    end: int
    heading_path: tuple[str, ...] = ()
    place: Place | None = None
    score: float = 0.0
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Span):
    """A passage that was found for a question."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage(Source):
    """A passage that a search found; `scores` has what each step gave it."""

    knowledge_base: str
    chunk: int
    scores: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation(Span):
    """A span that the sentence of number `claim`, from 0, rests on. `id` is 0 before its answer is complete."""

    claim: int
    quote: str
    id: int = 0


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, and whether its `citations`, by their ids, bear it out.

    `verdict` is `supported`, `weak`, `unsupported` or `contradicted`. One that is not `shown` is no part of the answer; `start`
    and `end` are then None, else its characters in the answer.
    """

    text: str
    verdict: str
    confidence: float
    shown: bool
    start: int | None = None
    end: int | None = None
    citations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Degradation:
    """A step that could not be done as usual, and what was done instead."""

    step: str
    code: str
    detail: str
    knowledge_bases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Indexing:
    """How many documents were not ready yet, and the titles of some."""

    documents: int
    titles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a language model read and wrote."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit `of` the `key` or its `tenant`; what is used is told of those of a day or month."""

    of: str
    work: str
    per: str
    limit: int
    used: int | None = None
    left: int | None = None
    begins: datetime | None = None
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What is not among them has no limit."""

    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Passages, best first."""

    passages: tuple[Passage, ...]
    degraded: tuple[Degradation, ...] = ()
    indexing: Indexing | None = None
    milliseconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer; `found` is false where the documents hold none, and `passages` are then the nearest there are."""

    id: str
    question: str
    answer: str
    found: bool
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    passages: tuple[Source, ...]
    generator: str
    created_at: datetime
    conversation: str | None = None
    turn: int | None = None
    searched_for: str = ""
    model: str = ""
    prompt: str = ""
    usage: Usage | None = None
    degraded: tuple[Degradation, ...] = ()
    indexing: Indexing | None = None
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    timeline: tuple[Mark, ...] = ()
    trace_id: str = ""

    def citations_of(self, sentence: Sentence) -> tuple[Citation, ...]:
        """What the sentence rests on."""
        return tuple(one for one in self.citations if one.id in sentence.citations)


@dataclass(frozen=True, slots=True)
class TurnAnswer:
    """An answer as its conversation shows it."""

    id: str
    text: str
    found: bool
    citations: tuple[Citation, ...] = ()
    rating: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer; None, with a `note`, if it quotes what may no longer be read."""

    turn: int
    question: str
    answer: TurnAnswer | None
    searched_for: str = ""
    withdrawn: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions that belong together; `turns` are there if one was looked at by its id."""

    id: str
    title: str
    knowledge_bases: tuple[str, ...] = ()
    turn_count: int = 0
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the one who asked thinks of an answer: `up` or `down`."""

    answer: str
    rating: str
    comment: str = ""
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that can be changed, at a place: what holds there (`value`), where that comes from (`default`, `environment`,
    `installation`, `tenant` or `knowledge_base`), and what is set at this very place (None: nothing).
    """

    name: str
    value: Any
    source: str
    type: str
    default: Any
    set_here: Any
    level: str
    can_be_set: bool
    knowledge_base: str | None = None
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Settings:
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class FlagRule:
    """For whom a feature flag is on: all; or else these people and keys, and so many of a hundred others."""

    on: bool
    percent: int = 0
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flag:
    """A feature flag, the rule that holds (None: its default), and the one that is set at this very place."""

    name: str
    title: str
    default: bool
    source: str
    rule: FlagRule | None
    set_here: FlagRule | None
    level: str
    owner: str = ""
    removed_on: str = ""
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Flags:
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of events; `state` is `on`, `paused` as its receiver did not answer for days, or `off`."""

    id: str
    url: str
    types: tuple[str, ...]
    state: str
    description: str = ""
    failures: int = 0
    failing_since: datetime | None = None
    paused_at: datetime | None = None
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """A message to a webhook; `state` is `waiting`, `held`, `done`, or `dead` where it was given up."""

    id: str
    event_id: str
    type: str
    state: str
    body: str
    tries: int = 0
    status: int | None = None
    error: str = ""
