"""Each thing that an answer depends on is a part of what it is kept under."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any
from uuid import UUID

import pytest

from apps.documents.retrieval_settings import Fusion, Mode
from apps.documents.rights.access import AccessScope, Subjects
from apps.retrieval.answers.cache.keys import Answering, Wanted, answer_key, own_key, stand_in_key
from apps.retrieval.answers.cache.state import FindableState
from apps.retrieval.answers.options import AnswerOptions
from apps.retrieval.search.filters import SearchFilters
from apps.retrieval.search.request import SearchRequest

ONE, OTHER = UUID(int=1), UUID(int=2)
STATE = FindableState("7", grants_matter=True)
WANTED = Wanted(SearchRequest("Which?"), AnswerOptions(), AccessScope(ONE, frozenset({ONE})), STATE)
NOW = Answering(("writer",), (), (), "", 4096, ("answer-1", "Say."), "code")

REQUESTS: dict[str, Any] = {
    "text": "What?", "top_k": 3, "mode": Mode.DENSE, "fusion": Fusion.CONVEX, "weight": 0.1, "names": 0.2,
    "same_page": 0.5, "threshold": 0.1,
    "fallback": False, "filters": SearchFilters(tags_any=frozenset({"a"})), "rerank": True, "diversity": 0.1,
    "neighbours": 1, "section": True,
}  # fmt: skip
OPTIONS: dict[str, Any] = {"model": "small", "temperature": 0.1, "max_tokens": 5, "language": "de", "writes": False}
SCOPES: dict[str, Any] = {
    "tenant_id": OTHER, "knowledge_base_ids": frozenset({OTHER}), "partly_readable_ids": frozenset({OTHER}),
    "subjects": Subjects(user_id=1),
}  # fmt: skip
ANSWERING: dict[str, Any] = {
    "writer": ("other",), "reranker": ("one",), "reader": ("one",), "generator": "extractive", "slot_tokens": 8,
    "prompt": ("answer-1", "Tell."), "code": "other",
}  # fmt: skip


def test_no_part_is_forgotten_here() -> None:
    parts = {SearchRequest: REQUESTS, AnswerOptions: OPTIONS, Answering: ANSWERING}
    assert {kind: {one.name for one in fields(kind)} for kind in parts} == {kind: set(of) for kind, of in parts.items()}
    assert {one.name for one in fields(AccessScope)} == {*SCOPES, "for_all_readers"}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_has_its_own_key(name: str) -> None:
    _differs(replace(WANTED, request=replace(WANTED.request, **{name: REQUESTS[name]})))


@pytest.mark.parametrize("name", OPTIONS)
def test_options_have_their_own_key(name: str) -> None:
    _differs(replace(WANTED, options=replace(WANTED.options, **{name: OPTIONS[name]})))


@pytest.mark.parametrize("name", SCOPES)
def test_what_may_be_seen_has_its_own_key(name: str) -> None:
    _differs(replace(WANTED, scope=replace(WANTED.scope, **{name: SCOPES[name]})))


@pytest.mark.parametrize(
    "subjects", [Subjects(user_id=1), Subjects(group_ids=frozenset({1})), Subjects(api_key_id=ONE)]
)  # fmt: skip
def test_who_asks_matters_only_where_something_was_granted(subjects: Subjects) -> None:
    theirs = replace(WANTED, scope=replace(WANTED.scope, subjects=subjects))
    _differs(theirs)
    open_to_all = FindableState("7", grants_matter=False)
    assert answer_key(replace(theirs, state=open_to_all), NOW) == answer_key(replace(WANTED, state=open_to_all), NOW)


def test_what_can_be_found_has_its_own_key() -> None:
    _differs(replace(WANTED, state=replace(STATE, mark="8")))


@pytest.mark.parametrize("name", ANSWERING)
def test_what_answers_has_its_own_key(name: str) -> None:
    assert answer_key(WANTED, replace(NOW, **{name: ANSWERING[name]})) != answer_key(WANTED, NOW)


def test_white_space_and_the_order_of_knowledge_bases_make_no_other_key() -> None:
    many = [UUID(int=number) for number in range(20)]
    keys = {
        answer_key(Wanted(SearchRequest(text), AnswerOptions(), AccessScope(ONE, frozenset(bases)), STATE), NOW)
        for text, bases in [("a b", many), (" a \n b", many[::-1])]
    }
    assert len(keys) == 1


def test_each_asker_and_wording_has_an_own_key() -> None:
    keys = {own_key("k", asker=asker, question=asked) for asker in ("a", "b") for asked in ("a b", "a  b")}
    assert len(keys) == 4


def _differs(other: Wanted) -> None:
    assert answer_key(other, NOW) != answer_key(WANTED, NOW)
    assert stand_in_key(other) != stand_in_key(WANTED)
