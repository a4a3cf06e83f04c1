"""Which passages were shown to whom, for which question: an entry in the audit log, written before they are shown.

Of the question no more is kept than its length and a code by which it can be recognised. Of passages their spans: the texts are
those of their versions. What programs of ragsite's own search for is shown to nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.documents.rights.access import AccessScope
from apps.models.gateway import Deadline
from apps.retrieval.answers.turns import AskedTurn
from apps.retrieval.doors.asking import Asking
from apps.retrieval.doors.search_shapes import SearchOut, SpanOut, indexing_out, search_out
from apps.retrieval.events import RetrievalCompleted
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.request import SearchRequest
from apps.retrieval.search.retrieval import Retrieval
from ragsite.core.actors import Actor, ActorKind
from ragsite.core.audit.codes import text_digest
from ragsite.core.audit.recording import Act, AuditObject, act_record
from ragsite.core.configuration import SearchSettings
from ragsite.core.ids import new_id
from ragsite.core.samples import sample_tell

SHOWN = "passages.shown"
_WATCHING = (ActorKind.USER, ActorKind.KEY)


@dataclass(frozen=True, slots=True)
class ShownSpan:
    """Characters of a version's text that somebody is shown."""

    version: UUID
    start: int
    end: int

    def record(self) -> dict[str, Any]:
        """As the audit log has it."""
        return {"version": self.version, "start": self.start, "end": self.end}


def passages_search(request: SearchRequest, *, scope: AccessScope, actor: Actor, explain: bool = False) -> SearchOut:
    """The passages that fit a question best, for a door that shows them.

    Raises:
        InvalidRetrievalError, NoRerankerError, ModelUnavailableError, PermanentError: as `retrieve`.
    """
    deadline = Deadline.after(SearchSettings.current(scope.place).seconds)
    indexing = indexing_out(scope)
    found = retrieve(request, scope=scope, deadline=deadline)
    tell_shown(AuditObject("search", tenant_id=scope.tenant_id), request.text, spans_of(found.passages), actor=actor)
    sample_tell(_searched(found), actor=actor)
    return search_out(found, indexing, explain=explain)


def _searched(found: Retrieval) -> RetrievalCompleted:
    return RetrievalCompleted(
        tenant_id=found.scope.tenant_id,
        query_id=new_id(),
        knowledge_bases=tuple(sorted(found.scope.searched_ids)),
        mode=found.settings.mode.value,
        passages=len(found.passages),
        candidates=dict(found.candidates),
        best_score=max((float(one.score) for one in found.passages), default=None),
        milliseconds=dict(found.milliseconds),
        for_answer=False,
    )


def answer_shown(asking: Asking, turn: AskedTurn, spans: Iterable[ShownSpan], *, answer_id: UUID) -> None:
    """An answer is told that was made from these passages: all of them count, as any may speak from its sentences."""
    on = AuditObject("answer", str(answer_id), tenant_id=asking.scope.tenant_id)
    eyes = {"with_rights_of": asking.principal.name} if asking.watcher else {}
    tell_shown(on, turn.question, spans, actor=asking.actor, **eyes)


def tell_shown(on: AuditObject, text: str, spans: Iterable[ShownSpan], *, actor: Actor, **more: Any) -> None:
    """Write the entry, where somebody is shown something."""
    if actor.kind not in _WATCHING:
        return
    question = {"digest": text_digest(text, tenant_id=on.tenant_id), "length": len(text)}
    details = {"question": question, "passages": [one.record() for one in spans], **more}
    act_record(Act(SHOWN, on, details), actor=actor)


def spans_of(passages: Iterable[Passage]) -> list[ShownSpan]:
    """The passages with what is shown around them, in their order, each once."""
    found = (span for one in passages for span in _spans(one))
    return list(dict.fromkeys(found))


def spans_again(passages: Collection[SpanOut]) -> list[ShownSpan]:
    """As `spans_of`, of passages that a door has in its own shape."""
    return [ShownSpan(one.version, one.start, one.end) for one in passages]


def _spans(passage: Passage) -> Iterable[ShownSpan]:
    spans = [(passage.start, passage.end), *((one.start, one.end) for one in passage.neighbours)]
    spans += [(passage.section.start, passage.section.end)] if passage.section else []
    return (ShownSpan(passage.version_id, start, end) for start, end in spans)
