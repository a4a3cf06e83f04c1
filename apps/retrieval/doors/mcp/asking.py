"""The tools that search by meaning and answer."""

from __future__ import annotations

from apps.documents.rights.access import access_scope
from apps.retrieval.answers.turns import AskedTurn
from apps.retrieval.doors.answer_shapes import AnswerOut, CitationOut
from apps.retrieval.doors.asking import Asking
from apps.retrieval.doors.mcp.inputs import AskInput, SearchInput
from apps.retrieval.doors.mcp.told import Told
from apps.retrieval.doors.search_shapes import SpanOut
from apps.retrieval.doors.showing import passages_search
from apps.retrieval.doors.telling import answer_made
from apps.retrieval.search.request import SearchRequest
from ragsite.gateway.keys import Principal


def search(principal: Principal, given: SearchInput) -> Told:
    """Passages, best first."""
    scope = access_scope(principal, knowledge_base_ids=given.knowledge_bases)
    request = SearchRequest(given.query, top_k=given.top_k, mode=given.mode)
    out = passages_search(request, scope=scope, actor=principal.actor())
    told = "\n\n".join(f"[{n}] {_where(one)}\n{one.text}" for n, one in enumerate(out.passages, start=1))
    return Told(told or "Nothing was found.", out.model_dump(mode="json"))


def ask(principal: Principal, given: AskInput) -> Told:
    """An answer with numbered references."""
    turn = AskedTurn(given.question, SearchRequest(given.question), given.knowledge_bases)
    scope = access_scope(principal, knowledge_base_ids=given.knowledge_bases)
    out = answer_made(Asking(turn, scope, principal, principal.actor()))
    return Told(answer_text(out), out.model_dump(mode="json"))


def answer_text(out: AnswerOut) -> str:
    """The answer's sentences with the numbers of their citations, and below them the citations."""
    numbers = {citation.id: number for number, citation in enumerate(out.citations, start=1)}
    shown = [one for one in out.sentences if one.shown]
    said = " ".join(one.text + "".join(f" [{numbers[id_]}]" for id_ in one.citations) for one in shown)
    return "\n".join([said or out.answer, *(_reference(numbers[one.id], one) for one in out.citations)])


def _reference(number: int, one: CitationOut) -> str:
    return f"[{number}] {_where(one)}: {one.quote!r}"


def _where(one: SpanOut) -> str:
    headings = f", {' > '.join(one.heading_path)}" if one.heading_path else ""
    return f"{one.title}{headings} (document {one.document}, version {one.version})"
