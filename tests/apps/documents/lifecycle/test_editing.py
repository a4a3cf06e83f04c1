"""A passage that is edited, from the change to what answers."""

from __future__ import annotations

import pytest

from apps.documents.lifecycle.editing import document_edit, document_edits_undo
from apps.documents.lifecycle.edits import Edit
from apps.documents.lifecycle.versions import document_rollback
from apps.documents.models import Chunk, DocumentVersion, KnowledgeBase, StageRecord, TextEdit, VersionOrigin
from apps.documents.services.documents import document_update
from apps.models.gateway import Deadline
from apps.retrieval.index import embeddings
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.request import SearchRequest
from ragsite.core.errors import ConflictError, NotFoundError, PermanentError
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db
PRICE = "A berth costs 31 euros a night, electricity included."


def span_of(version: DocumentVersion, words: str) -> tuple[int, int]:
    start = version.parsed.text.index(words)
    return start, start + len(words)


def edited(version: DocumentVersion, words: str, text: str) -> DocumentVersion:
    """The version that says something else in the place of some words, once it answers."""
    edit = Edit(*span_of(version, words), text)
    return ready(document_edit(document=version.document, version=version, edits=[edit], actor=ACTOR))


def ready(version: DocumentVersion) -> DocumentVersion:
    make.run_stages()
    return DocumentVersion.objects.select_related("document", "parsed").get(pk=version.pk)


def found(base: KnowledgeBase, question: str) -> str:
    request = SearchRequest(question, top_k=20)
    passages = retrieve(request, scope=make.scope(base), deadline=Deadline.after(60)).passages
    return "\n".join(one.text for one in passages)


def exact(version: DocumentVersion) -> bool:
    text = version.parsed.text
    return all(text[chunk.start : chunk.end] == chunk.text for chunk in Chunk.objects.filter(version=version))


def test_an_edited_passage_answers_once_it_is_ready_and_the_old_one_until_then(base: KnowledgeBase) -> None:
    first = make.ready_version(base)
    edit = Edit(*span_of(first, "31 euros"), "35 euros")
    second = document_edit(document=first.document, version=first, edits=[edit], actor=ACTOR)
    assert (second.status, second.origin, second.number) == ("parsed", VersionOrigin.EDIT, 2)
    assert "31 euros" in found(base, "berth")
    second = ready(second)
    assert second.document.current_version_id == second.pk
    assert "35 euros" in found(base, "berth")
    assert "31 euros" not in found(base, "berth")
    assert exact(second)
    assert (second.blob, second.content_hash) == (first.blob, first.content_hash)
    assert not StageRecord.objects.filter(version=second, stage="parse").exists()
    row = TextEdit.objects.get()
    assert (row.version, row.old_text, row.text, row.actor) == (second, "31", "35", ACTOR.as_dict())


def test_chunks_that_an_edit_does_not_touch_keep_their_vectors(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, embedded = make.ready_version(base), []
    embed = embeddings.embed
    monkeypatch.setattr(embeddings, "embed", lambda texts, **rest: (embedded.extend(texts), embed(texts, **rest))[1])
    edited(first, "31 euros", "35 euros")
    assert len(embedded) == 1
    assert "35 euros" in embedded[0]


def test_edits_of_edits_stay_spans_of_the_upload_and_one_is_taken_back_by_itself(base: KnowledgeBase) -> None:
    first = make.ready_version(base)
    second = edited(first, PRICE, "")
    assert "electricity" not in found(base, "berth")
    third = edited(second, "12 kilometres", "13 km")
    rows = list(third.edits.all())
    assert [first.parsed.text[row.start : row.end] for row in rows] == [PRICE, "12 kilometres"]
    assert rows[0].made_at == second.edits.get().made_at
    back = document_edits_undo(document=third.document, version=third, edit_ids=[rows[0].pk], actor=ACTOR)
    fourth = ready(back)
    assert (PRICE in fourth.parsed.text, "13 km" in fourth.parsed.text, exact(fourth)) == (True, True, True)
    fifth = edited(fourth, "13 km", "12 kilometres")
    assert (fifth.edits.count(), fifth.parsed.text) == (0, first.parsed.text)


def test_other_chunking_keeps_the_edits_and_a_new_upload_starts_without(base: KnowledgeBase) -> None:
    second = edited(make.ready_version(base), "31 euros", "35 euros")
    document_update(document=second.document, chunking={"size": 32, "overlap": 0}, actor=ACTOR)
    make.run_stages()
    third = DocumentVersion.objects.get(number=3)
    assert (third.origin, third.edits.get().text, exact(third)) == (VersionOrigin.RECHUNK, "35", True)
    fourth = ready(make.upload(base, document=third.document).version)
    assert (fourth.document.current_version_id, fourth.edits.count()) == (fourth.pk, 0)


def test_an_earlier_version_can_answer_again_but_not_while_an_edit_is_under_way(base: KnowledgeBase) -> None:
    first = make.ready_version(base)
    second = edited(first, "31 euros", "35 euros")
    document_rollback(document=first.document, version=first, actor=ACTOR)
    assert "31 euros" in found(base, "berth")
    document_rollback(document=first.document, version=second, actor=ACTOR)
    document_edit(document=first.document, version=second, edits=[Edit(0, 1, "##")], actor=ACTOR)
    with pytest.raises(ConflictError, match="Version 3 is under way"):
        document_rollback(document=first.document, version=first, actor=ACTOR)
    with pytest.raises(ConflictError, match="Version 3 is under way"):
        document_edit(document=first.document, version=second, edits=[Edit(0, 1, "##")], actor=ACTOR)


REFUSED: list[tuple[list[Edit], str]] = [
    ([], "No edit is given"),
    ([Edit(0, 10_000_000, "")], "outside the text"),
    ([Edit(5, 4, "x")], "outside the text"),
    ([Edit(0, 0, "\0")], "changes nothing"),
    ([Edit(0, 5, "x"), Edit(4, 6, "y")], "upon each other"),
    ([Edit(3, 3, "x"), Edit(3, 3, "y")], "upon each other"),
    ([Edit(0, 1, "H")], "Nothing would change"),
    ([Edit(0, 1, "x" * 100_001)], "100,001"),
]


def test_what_is_no_edit_is_refused_and_nothing_is_written(base: KnowledgeBase) -> None:
    version = make.ready_version(base)
    for edits, says in REFUSED:
        with pytest.raises(PermanentError, match=says):
            document_edit(document=version.document, version=version, edits=edits, actor=ACTOR)
    assert (DocumentVersion.objects.count(), TextEdit.objects.count()) == (1, 0)


def test_a_document_is_not_emptied_and_only_what_answers_is_edited(base: KnowledgeBase) -> None:
    version = make.ready_version(base)
    whole = Edit(0, len(version.parsed.text), " ")
    with pytest.raises(PermanentError, match="Nothing would be left"):
        document_edit(document=version.document, version=version, edits=[whole], actor=ACTOR)
    with pytest.raises(NotFoundError, match="no edit 7"):
        document_edits_undo(document=version.document, version=version, edit_ids=[7], actor=ACTOR)
    edited(version, "31", "35")
    with pytest.raises(ConflictError, match="Version 1 is not the one that answers"):
        document_edit(document=version.document, version=version, edits=[Edit(0, 0, "x")], actor=ACTOR)
