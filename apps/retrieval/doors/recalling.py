"""Answers that were given before, looked up before one is made, and kept once it is.

Between the reading of what an answer depends on and its keeping nothing of that may have changed: else it is not kept.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ninja import Schema

from apps.retrieval.answers.cache.copying import answer_copy
from apps.retrieval.answers.cache.keys import Wanted, answer_key, answering_now, own_key, stand_in_key
from apps.retrieval.answers.cache.stand_in import KeptGenerator, KeptSpan, KeptStatement
from apps.retrieval.answers.cache.state import findable_state
from apps.retrieval.answers.cache.store import LOOKUPS, value_put, values_get
from apps.retrieval.answers.cache.worth import lookup_count
from apps.retrieval.answers.language import LanguageModelGenerator
from apps.retrieval.answers.turns import AskedTurn
from apps.retrieval.answers.types import Generator, Judgement
from apps.retrieval.doors.answer_shapes import AnswerOut, CachedOut, SentenceOut, answer_out
from apps.retrieval.doors.asking import Asking, asker_of
from apps.retrieval.doors.search_shapes import IndexingOut
from apps.retrieval.doors.stream_shapes import RetrievedOut
from ragsite.core.configuration import AnswerCacheSettings
from ragsite.core.dynamic.asking import flag_is_on
from ragsite.core.dynamic.flags import STAND_IN
from ragsite.core.ids import new_id

logger = logging.getLogger(__name__)


class Entry(Schema):
    """An answer as it was given to somebody at a moment (seconds since 1970), and its passages as a stream tells them."""

    at: float
    asker: str
    out: AnswerOut
    retrieved: RetrievedOut

    @property
    def age_seconds(self) -> int:
        return max(0, int(time.time() - self.at))


@dataclass(frozen=True, slots=True)
class Recalled:
    """An answer that was given before, and the passages it is from; `out` is as it is given now."""

    out: AnswerOut
    retrieved: RetrievedOut


class Recall:
    """One question's dealings with what is kept."""

    def __init__(self, asking: Asking, turn: AskedTurn) -> None:
        """The turn is that of the question as it was understood.

        Raises:
            ModelNotFoundError: there is no language model of the name that was asked for.
        """
        self._asking, self._turn, self._asker = asking, turn, asker_of(asking.principal)
        self._wanted = _wanted(asking, turn)
        self._key = answer_key(self._wanted, answering_now(turn.request, asking.options)) if self._wanted else ""
        self._stand_in: Entry | None = None

    @property
    def _settings(self) -> AnswerCacheSettings:
        return AnswerCacheSettings.current(self._asking.scope.place)

    def answer(self, indexing: IndexingOut | None, *, answer_id: UUID | None = None) -> Recalled | None:
        """What is kept for the question: the caller's own answer, or a copy for it of somebody's with the same rights.

        With an `answer_id`, which was told already, it is always a copy under that id.
        """
        if self._wanted is None:
            return None
        own = own_key(self._key, asker=self._asker, question=self._turn.question)
        found = values_get([self._key, own, stand_in_key(self._wanted)])
        kept = _entry(found[0], most_seconds=self._settings.seconds)
        LOOKUPS.labels(found[0][1] if kept and found[0] else "miss").inc()
        saved = sum(kept.out.milliseconds.values()) if kept else None
        lookup_count(self._asking.principal.tenant_id, saved_milliseconds=saved)
        if kept is None:
            self._stand_in = _entry(found[2], most_seconds=self._settings.stand_in_seconds)
            return None
        if answer_id is None and (first := self._own(kept, found[1])):
            return _given(first, indexing)
        return self._copied(kept, own, indexing, answer_id)

    def generators(self, chosen: Sequence[Generator]) -> Sequence[Generator]:
        """The generators, with what was written before, of the same documents, behind the language models, if there is such."""
        writing = sum(isinstance(one, LanguageModelGenerator) for one in chosen)
        if self._stand_in is None or not 0 < writing < len(chosen) or not flag_is_on(STAND_IN, self._asking.subject):
            return chosen
        return (*chosen[:writing], _generator(self._stand_in), *chosen[writing:])

    def keep(self, out: AnswerOut, retrieved: RetrievedOut) -> None:
        """Keep an answer that was made, if it is as it should be and nothing below it has changed meanwhile."""
        if self._wanted is None or out.degraded or out.indexing is not None or not self._stands():
            return
        settings = self._settings
        asker = self._asker if out.conversation is None else ""
        value = Entry(at=time.time(), asker=asker, out=out, retrieved=retrieved).model_dump_json().encode()
        value_put(self._key, value, seconds=settings.seconds)
        if out.model:
            value_put(stand_in_key(self._wanted), value, seconds=settings.stand_in_seconds)

    def _own(self, kept: Entry, copied: tuple[bytes, str] | None) -> Entry | None:
        """The answer that the caller was given to the question in these very words, outside of conversations."""
        turn = self._turn
        if not self._asker or turn.conversation_id is not None or turn.searched_for:
            return None
        if kept.asker == self._asker and kept.out.question == turn.question:
            return kept
        return _entry(copied, most_seconds=self._settings.seconds)

    def _copied(self, kept: Entry, own: str, indexing: IndexingOut | None, answer_id: UUID | None) -> Recalled | None:
        asking = self._asking
        copy = answer_copy(
            kept.out.id, answer_id=answer_id or new_id(),
            turn=self._turn, scope=asking.scope, options=asking.options, actor=asking.actor,
        )  # fmt: skip
        if copy is None:
            return None
        out = answer_out(copy, principal=asking.principal)
        entry = kept.model_copy(update={"asker": self._asker, "out": out})
        if out.conversation is None and self._asker:
            value_put(own, entry.model_dump_json().encode(), seconds=self._settings.seconds)
        return _given(entry, indexing)

    def _stands(self) -> bool:
        """Whether nothing has changed of what can be found, and who may find it there."""
        return self._wanted is not None and findable_state(self._wanted.scope) == self._wanted.state


def _wanted(asking: Asking, turn: AskedTurn) -> Wanted | None:
    """None where nothing is to be looked up."""
    may = asking.cache and asking.watcher is None and AnswerCacheSettings.current(asking.scope.place).seconds
    if not may or turn.degraded or asking.scope.for_all_readers:
        return None
    state = findable_state(asking.scope)
    return Wanted(turn.request, asking.options, asking.scope, state) if state else None


def _entry(value: tuple[bytes, str] | None, *, most_seconds: int) -> Entry | None:
    """None for what is too old, and for what a process of another version wrote in another shape."""
    if value is None:
        return None
    try:
        kept = Entry.model_validate_json(value[0])
    except ValueError:
        logger.warning("a kept answer can't be read", exc_info=True)
        return None
    return kept if kept.age_seconds < most_seconds else None


def _given(kept: Entry, indexing: IndexingOut | None) -> Recalled:
    cached = CachedOut(age_seconds=kept.age_seconds)
    out = kept.out.model_copy(update={"indexing": indexing, "cached": cached})
    return Recalled(out, kept.retrieved.model_copy(update={"indexing": indexing}))


def _generator(kept: Entry) -> KeptGenerator:
    out = kept.out
    spans = {
        one.id: KeptSpan(one.version, one.start, one.end, one.quote, one.score) for one in out.citations
    }  # fmt: skip
    said = [_statement(one, spans) for one in out.sentences if one.shown]
    return KeptGenerator(said, age_seconds=kept.age_seconds, model=out.model, prompt=out.prompt)


def _statement(one: SentenceOut, spans: dict[int, KeptSpan]) -> KeptStatement:
    return KeptStatement(one.text, Judgement(one.verdict, one.confidence), tuple(spans[pk] for pk in one.citations))
