"""The read path's three parts put together: what is retrieved, drafted by a generator that streams, and settled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import connection

from apps.retrieval.answers.types import Piece, Statement, TextDelta
from apps.retrieval.models import Answer, Query
from apps.retrieval.pipeline import ask, draft, retrieve, settle
from apps.retrieval.search.request import SearchRequest
from apps.retrieval.search.retrieval import Retrieval
from ragsite.core.errors import ModelUnavailableError
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.answers.streaming import StreamingGenerator

pytestmark = pytest.mark.django_db

QUESTION = "How many berths for guests has the harbour?"
FIRST, SECOND = "The harbour has 42 berths for guests.", "A berth costs 31 euros a night, electricity included."


@pytest.fixture
def found() -> Retrieval:
    base = make.ready_version().document.knowledge_base
    return retrieve(SearchRequest(QUESTION), scope=make.scope(base), deadline=make.soon())


def written(found: Retrieval, *generators: StreamingGenerator) -> list[Piece]:
    return list(draft(found, deadline=make.soon(), generators=generators))


def misquoted(piece: Piece) -> Piece:
    """The piece with its quotations a character off."""
    if not isinstance(piece, Statement):
        return piece
    return replace(piece, quotations=tuple(replace(one, start=one.start + 1) for one in piece.quotations))


def nothing_saved() -> bool:
    events = OutboxEvent.objects.filter(type="query.processed")
    return not (Query.objects.exists() or Answer.objects.exists() or events.exists())


def test_a_generator_that_streams_is_answered_with_like_any_other(found: Retrieval) -> None:
    answer = settle(found, written(found, StreamingGenerator([FIRST, SECOND])), actor=ACTOR)
    assert (answer.text, answer.generator, answer.found) == (f"{FIRST} {SECOND}", "streaming", True)
    assert [(one.claim, one.quote) for one in answer.citations.order_by("claim")] == [(0, FIRST), (1, SECOND)]
    assert OutboxEvent.objects.get(type="query.processed").payload["generator"] == "streaming"
    assert {"embed", "context", "generate", "cite"} <= answer.milliseconds.keys()


def test_pieces_come_one_by_one_and_nothing_is_saved_before_they_are_settled(found: Retrieval) -> None:
    generator = StreamingGenerator([FIRST, SECOND])
    pieces = draft(found, deadline=make.soon(), generators=[generator])
    assert generator.computed == []
    assert next(pieces) == TextDelta("The ")
    assert generator.computed == ["The"]
    assert nothing_saved()
    assert settle(found, pieces, actor=ACTOR).found


def test_a_statement_whose_citation_does_not_stand_is_dropped_when_the_draft_is_settled(found: Retrieval) -> None:
    pieces = written(found, StreamingGenerator([FIRST, SECOND]))
    first = next(place for place, piece in enumerate(pieces) if isinstance(piece, Statement))
    pieces[first] = misquoted(pieces[first])
    answer = settle(found, pieces, actor=ACTOR)
    assert (answer.text, answer.citation_count) == (SECOND, 1)
    assert [(one.claim, one.quote) for one in answer.citations.all()] == [(0, SECOND)]


def test_when_no_citation_stands_the_answer_is_that_nothing_was_found(found: Retrieval) -> None:
    pieces = [misquoted(piece) for piece in written(found, StreamingGenerator([FIRST]))]
    answer = settle(found, pieces, actor=ACTOR)
    assert (answer.found, answer.text, answer.citations.count()) == (False, "Not found in your documents.", 0)


def test_what_no_passage_says_is_no_answer_however_well_it_is_written(found: Retrieval) -> None:
    answer = settle(found, written(found, StreamingGenerator(["The moon is made of cheese.", FIRST])), actor=ACTOR)
    assert answer.text == FIRST


def test_a_generator_that_gave_up_is_kept_with_the_answer_of_the_other(found: Retrieval) -> None:
    gave_up = StreamingGenerator([SECOND], ModelUnavailableError("No worker."), name="large")
    answer = settle(found, written(found, gave_up, StreamingGenerator([FIRST])), actor=ACTOR)
    assert (answer.text, answer.generator) == (FIRST, "streaming")
    (kept,) = answer.degraded
    assert (kept["step"], kept["code"]) == ("generate", "model_unavailable")
    assert "No worker." in kept["detail"]


def test_half_a_draft_is_not_saved(found: Retrieval) -> None:
    pieces = written(found, StreamingGenerator([FIRST]))[:-1]
    with pytest.raises(ValueError, match="no end"):
        settle(found, pieces, actor=ACTOR)
    assert nothing_saved()


def test_asking_is_the_three_parts_one_after_the_other(found: Retrieval) -> None:
    in_parts = settle(found, draft(found, deadline=make.soon()), actor=ACTOR)
    whole = ask(found.request, scope=found.scope, actor=ACTOR, deadline=make.soon())
    told = [(one.text, one.generator, one.citation_count, one.milliseconds.keys()) for one in (in_parts, whole)]
    assert told[0] == told[1]


def test_a_process_of_the_version_before_can_still_save_an_answer(found: Retrieval) -> None:
    answer = settle(found, written(found, StreamingGenerator([FIRST])), actor=ACTOR)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM retrieval_citation")
        cursor.execute("DELETE FROM retrieval_answer")
        cursor.execute(
            "INSERT INTO retrieval_answer (id, query_id, text, found, generator, milliseconds)"
            " VALUES (%s, %s, 'Yes.', true, 'extractive', '{}')",
            [answer.pk, answer.query_id],
        )
    assert Answer.objects.get().degraded == []
