"""The read path told as events: what was found, each sentence once its quotations were found in the stored text, the answer.

A door like the others, to `retrieve`, `draft` and `settle`; whoever streams an answer in any shape takes these events.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from django.db import transaction
from ninja.responses import NinjaJSONEncoder

from apps.documents.rights.access import reading_as
from apps.models.gateway import Deadline
from apps.retrieval.answers.masking import question_masked
from apps.retrieval.answers.services import statement_verify
from apps.retrieval.answers.turns import AskedTurn, turn_understood
from apps.retrieval.answers.types import Generator, Piece, Statement, Withdrawal
from apps.retrieval.doors.answer_shapes import AnswerOut, answer_out
from apps.retrieval.doors.asking import Asking
from apps.retrieval.doors.recalling import Recall, Recalled
from apps.retrieval.doors.search_shapes import IndexingOut, indexing_out
from apps.retrieval.doors.showing import answer_shown, spans_again, spans_of
from apps.retrieval.doors.stream_shapes import (
    CreatedOut,
    DeltaOut,
    RetrievedOut,
    WithdrawnOut,
    annotation_again,
    annotation_out,
    retrieved_out,
)
from apps.retrieval.pipeline import draft, generators_for, retrieve, settle
from apps.retrieval.search.retrieval import Retrieval
from apps.retrieval.streaming.events import EventName
from apps.retrieval.streaming.failures import CANCELLED, failed_data
from apps.retrieval.streaming.pool import RUNS
from apps.retrieval.streaming.run import Run
from ragsite.core.audience import ClientLeft, client_check, working_for
from ragsite.core.configuration import SearchSettings
from ragsite.core.database import connection_release
from ragsite.core.dynamic.asking import flag_is_on
from ragsite.core.dynamic.flags import REWRITING
from ragsite.core.error_events import error_tell
from ragsite.core.errors import ConflictError, RagError
from ragsite.core.ids import new_id
from ragsite.gateway.limits.account import stream_place
from ragsite.gateway.problems import Problem, problem, problem_of
from ragsite.gateway.visits import Caller

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """An answer, and the passages that it was made from."""

    out: AnswerOut
    retrieved: RetrievedOut


def answer_made(asking: Asking) -> AnswerOut:
    """The answer as a whole: one that was made before, if there is one to give again, or a new one.

    Raises:
        ModelNotFoundError: there is no language model of the name that was asked for.
        RagError: as `ask`.
    """
    return answer_made_from(asking).out


def answer_made_from(asking: Asking) -> Told:
    """As `answer_made`, with the passages."""
    deadline = Deadline.after(SearchSettings.current(asking.scope.place).seconds)
    indexing = indexing_out(asking.scope)
    turn = _understood(asking, deadline)
    recall = Recall(asking, turn)
    if kept := recall.answer(indexing):
        answer_shown(asking, turn, spans_again(kept.retrieved.passages), answer_id=kept.out.id)
        return Told(kept.out, kept.retrieved)
    answer_id = new_id()
    found = retrieve(turn.request, scope=asking.scope, deadline=deadline)
    answer_shown(asking, turn, spans_of(found.passages), answer_id=answer_id)
    generators = recall.generators(generators_for(turn.request, asking.options))
    pieces = draft(found, deadline=deadline, options=asking.options, generators=generators)
    out = _settled(asking, found, pieces, turn, indexing, answer_id=answer_id)
    retrieved = retrieved_out(found, indexing)
    recall.keep(out, retrieved)
    return Told(out, retrieved)


def answer_start(asking: Asking) -> Run:
    """Begin to answer, on a thread of its own; the first event is there.

    Raises:
        ModelNotFoundError: there is no language model of the name that was asked for.
        LimitReachedError: the caller has as many streams as it may have.
        RequestRefusedError: too many streams wait.
    """
    generators = generators_for(asking.turn.request, asking.options)
    run = Run(new_id(), asker=asking.asker or str(new_id()))
    question = question_masked(asking.turn.question, asking.scope)
    caller = Caller(str(asking.principal.tenant_id), run.asker)
    place = ExitStack()
    place.enter_context(stream_place())
    try:
        run.open(CreatedOut(id=run.answer_id, question=question).model_dump_json())
        RUNS.start(run, caller, partial(answer_tell, run, asking, generators), left=place.close)
    except BaseException:
        place.close()
        raise
    return run


def answer_tell(run: Run, asking: Asking, generators: Sequence[Generator] = ()) -> None:
    """Answer, and tell the run's readers how it goes; whatever happens, the last event says how it ended."""
    try:
        with working_for(run.client):
            _tell(run, asking, generators)
    except ClientLeft:
        run.tell(EventName.FAILED, failed_data(CANCELLED))
    except Exception as error:
        ended = problem_of(error)
        if ended["code"] == RagError.code:
            logger.exception("an answer failed; whoever asked is told so")
            error_tell(RagError.code, place="a streamed answer", kind=type(error).__name__)
        run.tell(EventName.FAILED, json.dumps(ended))


def _tell(run: Run, asking: Asking, generators: Sequence[Generator]) -> None:
    client_check("the question was searched for")
    deadline = Deadline.after(SearchSettings.current(asking.scope.place).seconds)
    indexing = indexing_out(asking.scope)
    turn = _understood(asking, deadline)
    recall = Recall(asking, turn)
    if kept := recall.answer(indexing, answer_id=run.answer_id):
        answer_shown(asking, turn, spans_again(kept.retrieved.passages), answer_id=kept.out.id)
        _tell_again(run, kept)
        return
    found = retrieve(turn.request, scope=asking.scope, deadline=deadline)
    answer_shown(asking, turn, spans_of(found.passages), answer_id=run.answer_id)
    run.log.tells_of({passage.version_id for passage in found.passages})
    retrieved = retrieved_out(found, indexing)
    run.tell(EventName.RETRIEVED, retrieved.model_dump_json())
    teller, chosen = _Teller(run, found), recall.generators(generators)
    with closing(draft(found, deadline=deadline, options=asking.options, generators=chosen)) as pieces:
        out = _settled(asking, found, teller.told(pieces), turn, indexing, answer_id=run.answer_id)
    teller.settled(out)
    recall.keep(out, retrieved)
    _complete(run, out)


def _understood(asking: Asking, deadline: Deadline) -> AskedTurn:
    rewrites = flag_is_on(REWRITING, asking.subject)
    return turn_understood(asking.turn, deadline=deadline, options=asking.options, rewrites=rewrites)


def _settled(
    asking: Asking,
    found: Retrieval,
    pieces: Iterable[Piece],
    turn: AskedTurn,
    indexing: IndexingOut | None,
    *,
    answer_id: UUID,
) -> AnswerOut:
    """The saved answer as doors show it; of one that somebody watches nothing stays."""
    if asking.watcher is None:
        answer = settle(
            found, pieces, actor=asking.actor, options=asking.options, answer_id=answer_id, turn=turn
        )  # fmt: skip
        return answer_out(answer, principal=asking.principal, indexing=indexing)
    # Written first: no model is waited for within a transaction.
    written = list(pieces)
    with transaction.atomic():
        unsaved = replace(asking, watcher=None)
        out = _settled(unsaved, found, written, turn, indexing, answer_id=answer_id)
        transaction.set_rollback(True)
    return out


def _tell_again(run: Run, kept: Recalled) -> None:
    """The events of an answer that was made before."""
    out, citations = kept.out, {one.id: one for one in kept.out.citations}
    run.log.tells_of({one.version for one in (*kept.retrieved.passages, *out.citations)})
    run.tell(EventName.RETRIEVED, kept.retrieved.model_dump_json())
    for claim, one in enumerate(one for one in out.sentences if one.shown):
        delta = DeltaOut(claim=claim, text=f" {one.text}" if claim else one.text)
        run.tell(EventName.DELTA, delta.model_dump_json())
        for pk in one.citations:
            run.tell(EventName.CITED, annotation_again(citations[pk], one).model_dump_json())
    _complete(run, out)


def _complete(run: Run, out: AnswerOut) -> None:
    # Written as the other doors write it.
    run.tell(EventName.COMPLETED, json.dumps(out.model_dump(), cls=NinjaJSONEncoder))


class _Teller:
    """Tells the statements of a draft on their way to be settled, as far as they belong to the answer."""

    def __init__(self, run: Run, found: Retrieval) -> None:
        self._run, self._found = run, found
        self._shown: list[str] = []

    def told(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """The same pieces, their quotations checked.

        Raises:
            ClientLeft: the run was cancelled.
        """
        for piece in pieces:
            client_check("the answer was written")
            match piece:
                case Statement():
                    yield self._stated(piece)
                case Withdrawal():
                    self._withdraw(piece.generator, piece.error)
                    yield piece
                case _:
                    yield piece

    def settled(self, out: AnswerOut) -> None:
        """Once more as it was saved, where a quoted text has gone since it was checked."""
        if self._shown and out.answer != " ".join(self._shown):
            error = ConflictError("A document that was quoted has changed meanwhile.", action="Read the answer again.")
            self._withdraw(out.generator, error)
            if out.found:
                self._say(out.answer)

    def _stated(self, statement: Statement) -> Statement:
        with reading_as(self._found.scope):
            checked = statement_verify(statement)
        connection_release()
        if checked.is_shown:
            claim = self._say(checked.text)
            for quotation in checked.quotations:
                self._run.tell(EventName.CITED, annotation_out(quotation, checked, claim).model_dump_json())
        return checked

    def _say(self, text: str) -> int:
        claim = len(self._shown)
        self._run.tell(EventName.DELTA, DeltaOut(claim=claim, text=f" {text}" if claim else text).model_dump_json())
        self._shown.append(text)
        return claim

    def _withdraw(self, generator: str, error: RagError) -> None:
        """Only what was shown can be withdrawn."""
        if self._shown:
            out = WithdrawnOut(generator=generator, problem=Problem(**problem(error)))
            self._run.tell(EventName.WITHDRAWN, out.model_dump_json())
            self._shown.clear()
