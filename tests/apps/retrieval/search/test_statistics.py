"""What a search tells, by scores, order, plan and candidates, does not depend on what the caller may not see."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from hypothesis import given

from apps.documents.models import Chunk, Document, KnowledgeBase, Visibility
from apps.documents.rights.access import AccessScope, access_scope, reading_as
from apps.documents.services.documents import document_delete, document_update
from apps.documents.services.purging import documents_purge
from apps.retrieval.index.lexical.analysis import terms_of_text
from apps.retrieval.index.lexical.merges import lexical_merge
from apps.retrieval.index.lexical.reading import lexical_score
from apps.retrieval.index.lexical.segments import LexicalIndex
from apps.retrieval.index.lexical.writing import lexical_build, lexical_text
from apps.retrieval.search.dense import generations_in_scope
from ragsite.gateway.models import Permission, Tenant
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.retrieval.rights_worlds import CALLERS, DOCUMENTS, WORLDS, Caller, Stage, World, base_of, stage
from tests.apps.retrieval.search.test_rights import PROPERTY
from tests.apps.retrieval.texts import bm25_by_hand, document, index_of

pytestmark = pytest.mark.django_db

GUESSES = ("The salary of the harbour master is 91000 euros.", "The salary of the harbour master is 58000 euros.")
SECRET = "The harbour master earns a salary of 58000 euros."
PLAIN = [f"Berth {number} lies at the outer pier of the harbour." for number in range(12)]


@pytest.fixture
def rows() -> Stage:
    return stage()


def scores(scope: AccessScope, text: str) -> dict[int, float]:
    """The lexical scores of chunks, for the scope's reader."""
    indexes = dict.fromkeys(LexicalIndex(g.knowledge_base_id, g.chunking_key) for g in generations_in_scope(scope))
    with reading_as(scope):
        found = lexical_score(list(indexes), text)
    return dict(zip(found.chunk_ids.tolist(), found.scores.tolist(), strict=True))


def chunks_of(documents: set[UUID]) -> dict[int, list[str]]:
    """The terms of these documents' chunks."""
    chunks = Chunk.objects.filter(version__document__in=documents).select_related("version__document")
    return {
        chunk.pk: terms_of_text(lexical_text(chunk, chunk.version.document.title), language="english")
        for chunk in chunks
    }


def counted(world: World, caller: Caller) -> set[int]:
    """What the caller reads, and what the caller read before it was deleted: it leaves the index by and by."""
    return {
        number
        for number in range(DOCUMENTS)
        if world.reads(caller, number)
        or (number in world.deleted - world.restricted and world.reads_base(caller, base_of(number)))
    }


@given(world=WORLDS)
@PROPERTY
def test_scores_are_those_of_an_index_of_what_the_caller_reads(rows: Stage, world: World) -> None:
    question = "document text 0001"
    with rows.set_up(world):
        for caller in CALLERS:
            expected = bm25_by_hand(
                chunks_of({rows.documents[number].pk for number in counted(world, caller)}), question
            )
            scope = access_scope(rows.principal(caller), knowledge_base_ids=None)
            assert scores(scope, question) == pytest.approx(dict(expected))


def restricted(base: KnowledgeBase, *texts: str) -> Document:
    made = document(base, list(texts))
    document_update(document=made, restricted=True, actor=ACTOR)
    return made


def asked_of(base: KnowledgeBase, text: str) -> list[float]:
    """The scores that a key without grants gets, best first."""
    scope = access_scope(make.principal(base.tenant), knowledge_base_ids=[base.pk])
    return sorted(scores(scope, text).values(), reverse=True)


def base_with(*hidden: str, of: Tenant | None = None) -> KnowledgeBase:
    base = make.knowledge_base(of=of)
    document(base, PLAIN)
    if hidden:
        restricted(base, *hidden)
    lexical_build(index_of(base))
    return base


def answer_of(client: Client, base: KnowledgeBase, mode: str) -> dict[str, Any]:
    """All that a search says of the guesses, but ids, names and times."""
    body = {"query": "salary 58000", "knowledge_bases": [str(base.pk)], "mode": mode, "explain": True, "top_k": 20}
    told = client.post("/api/v1/search", body, content_type="application/json").json()
    explanation = told["explanation"]
    return {
        "passages": [(passage["text"], passage["score"], passage["scores"]) for passage in told["passages"]],
        "plans": [(plan["leg"], plan["plan"]) for plan in explanation["plans"]],
        "candidates": explanation["candidates"],
    }


@pytest.mark.parametrize("mode", ["lexical", "hybrid"])
def test_a_guess_that_is_uploaded_scores_the_same_whatever_a_hidden_document_says(mode: str) -> None:
    tenant = make.tenant()
    client = make.client(tenant, Permission.WRITE, Permission.QUERY)
    told = []
    for hidden in ("", SECRET, "Le capitaine du port gagne bien sa vie depuis des années."):
        base = make.knowledge_base(of=tenant)
        if hidden:
            version = make.ready_version(base, hidden, filename="hidden.txt")
            document_update(document=version.document, restricted=True, actor=ACTOR)
        for guess in (*GUESSES, *PLAIN):
            make.upload(base, guess, filename="note.txt", title="Note")
        make.run_stages()
        told.append(answer_of(client, base, mode))
    assert len(told[0]["passages"]) >= len(GUESSES)
    assert told[0] == told[1] == told[2]


def test_a_document_counts_no_more_from_the_moment_it_is_restricted() -> None:
    base, without = base_with(), base_with()
    secret = document(base, [SECRET])
    lexical_build(index_of(base))
    assert asked_of(base, "salary harbour")[0] > asked_of(without, "salary harbour")[0]
    document_update(document=secret, restricted=True, actor=ACTOR)
    assert asked_of(base, "salary harbour") == asked_of(without, "salary harbour")


@pytest.mark.parametrize("merged", [False, True])
def test_a_hidden_document_that_was_removed_does_not_count_before_the_index_is_repaired(merged: bool) -> None:
    base, without = base_with(SECRET), base_with()
    hidden = Document.objects.get(knowledge_base=base, restricted=True)
    if merged:
        for number in range(8):
            document(base, [f"Buoy {number}."])
            document(without, [f"Buoy {number}."])
            lexical_build(index_of(base))
            lexical_build(index_of(without))
        assert not lexical_merge(turns.long())
    document_delete(document=hidden, actor=ACTOR)
    assert asked_of(base, "harbour berth") == asked_of(without, "harbour berth")
    documents_purge(turns.long())
    assert not Document.objects.filter(pk=hidden.pk).exists()
    assert asked_of(base, "harbour berth") == asked_of(without, "harbour berth")


def test_of_a_knowledge_base_that_is_not_read_only_what_was_granted_counts() -> None:
    base = base_with(SECRET)
    principal, subject = make.asking(base.tenant, "api_key")
    make.grant(Document.objects.get(knowledge_base=base, restricted=True), subject)
    KnowledgeBase.objects.filter(pk=base.pk).update(visibility=Visibility.RESTRICTED)
    alone = make.knowledge_base(of=base.tenant)
    document(alone, [SECRET])
    lexical_build(index_of(alone))
    granted = scores(access_scope(principal, knowledge_base_ids=[base.pk]), "harbour salary")
    assert list(granted.values()) == pytest.approx(asked_of(alone, "harbour salary"))
