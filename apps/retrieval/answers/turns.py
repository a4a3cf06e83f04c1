"""A question's turn in its conversation: what it is understood as before it is searched for, and its place once answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.db.models.functions import Now

from apps.documents.rights.access import AccessScope, versions_visible
from apps.models.gateway import Deadline
from apps.models.installed_model import InstalledModel, ModelKind
from apps.models.selectors import model_named, writer_in_use
from apps.retrieval.answers.follow_ups import PastTurn
from apps.retrieval.answers.options import AS_USUAL, AnswerOptions
from apps.retrieval.answers.rewriting import ModelRewriter, PlainRewriter
from apps.retrieval.answers.visibility import answers_marked, asked_by, first_withdrawn, is_readable
from apps.retrieval.models import LONGEST_TITLE, Answer, Conversation, Query
from apps.retrieval.search.degradation import UNREWRITTEN, Degradation, DegradedStep
from apps.retrieval.search.request import SearchRequest
from apps.retrieval.search.timing import Timings
from ragsite.core.actors import Actor
from ragsite.core.database import connection_release
from ragsite.core.errors import ConflictError, NotFoundError, RagError
from ragsite.core.ids import new_id
from ragsite.core.timelines import Mark
from ragsite.gateway.keys import Principal

HISTORY = 6
"""Turns that a question is understood in the light of."""

MOST_TURNS = 200
"""Of a conversation, so that it can be read and exported as a whole."""


@dataclass(frozen=True, slots=True)
class AskedTurn:
    """A question as it was asked, the search that it is understood as, and where: None for all that the caller sees.

    `history` is what was said before it, the latest last. A conversation that `begins` with the question is made with its answer,
    so that one without an answer leaves nothing.
    """

    question: str
    request: SearchRequest
    knowledge_base_ids: Collection[UUID] | None = None
    conversation_id: UUID | None = None
    degraded: tuple[Degradation, ...] = ()
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    history: tuple[PastTurn, ...] = ()
    begins: bool = False

    @property
    def searched_for(self) -> str:
        """Empty if it is searched for as it was asked."""
        return "" if self.request.text == self.question else self.request.text


def first_turn(request: SearchRequest, *, knowledge_base_ids: Collection[UUID]) -> AskedTurn:
    """The turn of a question that a conversation begins with, about these knowledge bases, once it is answered."""
    return AskedTurn(request.text, request, knowledge_base_ids, new_id(), begins=True)


def conversation_turn(
    request: SearchRequest,
    *,
    conversation_id: UUID | None,
    knowledge_base_ids: Collection[UUID] | None,
    principal: Principal,
) -> AskedTurn:
    """The turn of a question whose text is in the request, yet to be understood. What names no knowledge base is asked of those
    of the conversation.

    Raises:
        NotFoundError: the caller has no conversation of that id.
        ConflictError: it is full.
    """
    if conversation_id is None:
        return AskedTurn(request.text, request, knowledge_base_ids)
    conversation = conversation_of(principal, conversation_id)
    if conversation.turn_count >= MOST_TURNS:
        raise ConflictError(f"The conversation has {MOST_TURNS} questions already.", action="Begin another one.")
    where = knowledge_base_ids
    if where is None and conversation.knowledge_base_ids:
        where = [UUID(pk) for pk in conversation.knowledge_base_ids]
    history = tuple(_history(conversation, principal))
    return AskedTurn(request.text, request, where, conversation.pk, history=history)


def turn_understood(
    turn: AskedTurn, *, deadline: Deadline, options: AnswerOptions = AS_USUAL, rewrites: bool = True
) -> AskedTurn:
    """The turn with the search that its question is understood as, in the light of what was said before it: as the language model
    in use `rewrites` it, or by rules.

    Raises:
        ModelNotFoundError: the options name a language model that there is none of.
    """
    if not turn.history:
        return turn
    timings = Timings()
    with timings.step("rewrite"):
        writer = _writer(options)
        text, degraded = _understood(turn.question, turn.history, writer if rewrites else None, deadline)
    request = replace(turn.request, text=text)
    return replace(turn, request=request, degraded=degraded, milliseconds=timings.tell(), marks=timings.marks)


def conversation_of(principal: Principal, conversation_id: UUID) -> Conversation:
    """The caller's conversation of that id.

    Raises:
        NotFoundError: it does not exist or is somebody else's; the two look alike.
    """
    found = Conversation.objects.filter(asked_by(principal), pk=conversation_id).first()
    if found is None:
        raise NotFoundError(f"There is no conversation {conversation_id}.")
    return found


def turn_take(turn: AskedTurn, *, scope: AccessScope, actor: Actor) -> int | None:
    """The next place of the conversation, in the transaction that saves the answer; None outside of conversations. Others that
    answer in it at the same moment wait until that commits, so places have one order and no gaps. What begins is made here.

    Raises:
        NotFoundError: the conversation was deleted meanwhile.
    """
    if turn.conversation_id is None:
        return None
    if turn.begins:
        return _begun(turn, scope, actor).turn_count
    held = Conversation.objects.select_for_update(no_key=True).filter(pk=turn.conversation_id).first()
    if held is None:
        raise NotFoundError(f"There is no conversation {turn.conversation_id}; it was deleted a moment ago.")
    held.turn_count += 1
    held.title = held.title or title_of(turn.question)
    held.last_at = Now()
    held.save(update_fields=["turn_count", "title", "last_at"])
    return held.turn_count


def _begun(turn: AskedTurn, scope: AccessScope, actor: Actor) -> Conversation:
    return Conversation.objects.create(
        pk=turn.conversation_id,
        tenant_id=scope.tenant_id,
        begun_by=actor.text,
        user_id=scope.subjects.user_id,
        api_key_id=scope.subjects.api_key_id,
        title=title_of(turn.question),
        knowledge_base_ids=sorted(map(str, turn.knowledge_base_ids or ())),
        turn_count=1,
    )


def title_of(question: str) -> str:
    """A question on one line, cut between words where it is long."""
    line = " ".join(question.split())
    if len(line) <= LONGEST_TITLE:
        return line
    return f"{line[: LONGEST_TITLE - 1].rpartition(' ')[0] or line[: LONGEST_TITLE - 1]}…"


def _writer(options: AnswerOptions) -> InstalledModel | None:
    if options.writes is False:
        return None
    return model_named(options.model, kind=ModelKind.GENERATION) if options.model else writer_in_use()


def _understood(
    question: str, history: Sequence[PastTurn], writer: InstalledModel | None, deadline: Deadline
) -> tuple[str, tuple[Degradation, ...]]:
    plain = PlainRewriter().rewrite(question, history, deadline=deadline)
    if writer is None or plain == question:
        return plain, ()
    connection_release()
    try:
        return ModelRewriter(writer).rewrite(question, history, deadline=deadline), ()
    except RagError as error:
        return plain, (Degradation(DegradedStep.REWRITE, error, instead=UNREWRITTEN),)


def _history(conversation: Conversation, principal: Principal) -> list[PastTurn]:
    """The last turns, the latest last; of answers that the caller may not read any more the question alone."""
    versions = versions_visible(principal)
    answers = answers_marked(Answer.objects.filter(query__conversation=conversation), versions=versions)
    latest = answers.select_related("query").prefetch_related("citations__version__document").order_by("-query__turn")
    withdrawn = first_withdrawn(conversation.pk, versions=versions)
    return [_past(answer, withdrawn) for answer in reversed(latest[:HISTORY])]


def _past(answer: Answer, withdrawn: int | None) -> PastTurn:
    query = answer.query
    if not is_readable(answer):
        return PastTurn(query.question, searched_for_shown(query, withdrawn))
    first = next(iter(answer.citations.all()), None)
    about = (first.heading_path[-1] if first.heading_path else first.version.document.title) if first else ""
    return PastTurn(query.question, searched_for_shown(query, withdrawn), answer.text if answer.found else "", about)


def searched_for_shown(query: Query, withdrawn: int | None) -> str:
    """What was searched for; nothing after a turn that was `withdrawn`, as it may have words from there."""
    if withdrawn is not None and query.turn is not None and query.turn > withdrawn:
        return ""
    return query.searched_for
