"""A document's own chunking, from the change to the chunks that answer."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from apps.documents.chunking.settings import InvalidChunkingError
from apps.documents.intake.uploads import UploadOutcome
from apps.documents.lifecycle.versions import document_rollback, version_cancel, version_retry
from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase, StageRecord
from apps.documents.services.documents import document_update
from apps.documents.services.purging import documents_purge
from apps.models.gateway import Deadline
from apps.retrieval.index import embeddings, indexing
from apps.retrieval.models import IndexGeneration
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.request import SearchRequest
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from workers.jobs import job_named
from workers.running import job_run

pytestmark = pytest.mark.django_db

TEXT = "\n\n".join(
    f"Berth number {number} costs {number} euros for a night, electricity included." for number in range(12)
)
FINE = {"size": 16, "overlap": 0}


def ready(base: KnowledgeBase, **fields: Any) -> DocumentVersion:
    return make.ready_version(base, TEXT, filename="berths.txt", **fields)


def chunk_counts() -> list[int]:
    return list(DocumentVersion.objects.order_by("number").values_list("chunk_count", flat=True))


def statuses() -> list[str]:
    return list(DocumentVersion.objects.order_by("number").values_list("status", flat=True))


def answering() -> int | None:
    current = Document.objects.get().current_version
    return current.number if current else None


def texts(version: DocumentVersion) -> list[str]:
    return list(Chunk.objects.filter(version=version).order_by("ordinal").values_list("text", flat=True))


def test_what_a_document_overrides_is_how_it_is_cut_and_its_neighbours_are_not(base: KnowledgeBase) -> None:
    own = ready(base, chunking=FINE)
    other = make.ready_version(base, TEXT + "\n", filename="other.txt")
    assert own.chunk_count >= 12 > other.chunk_count
    keys = set(Chunk.objects.values_list("chunking_key", flat=True))
    assert keys == {IndexGeneration.objects.get().chunking_key}, "the chunks of both belong to the generation"


def test_a_setting_that_is_not_overridden_stays_the_knowledge_base_s() -> None:
    base = make.knowledge_base(chunking={"size": 32, "overlap": 0})
    version = ready(base, chunking={"strategy": "tokens"})
    counts = list(Chunk.objects.filter(version=version).values_list("token_count", flat=True))
    assert max(counts) == 32


def test_the_old_chunks_answer_until_the_new_ones_are_ready(base: KnowledgeBase) -> None:
    first = ready(base)
    before = texts(first)
    document_update(document=first.document, chunking=FINE, actor=ACTOR)
    for stage in ("chunk", "embed"):
        make.run_stages([stage])
        assert answering() == 1
        assert texts(first) == before
        found = retrieve(SearchRequest("berth", top_k=20), scope=make.scope(base), deadline=Deadline.after(10)).passages
        assert [passage.text for passage in sorted(found, key=lambda passage: passage.start)] == before
    make.run_stages(["activate"])
    assert (answering(), statuses()) == (2, ["ready", "ready"])
    second = DocumentVersion.objects.get(number=2)
    assert (second.rechunk_of_id, second.blob, second.parsed.text) == (first.pk, first.blob, first.parsed.text)
    assert all(second.parsed.text[chunk.start : chunk.end] == chunk.text for chunk in second.chunks.all())
    assert not StageRecord.objects.filter(version=second, stage="parse").exists(), "nothing is parsed again"
    changes = OutboxEvent.objects.filter(type="document.updated").order_by("id")
    assert [event.payload["changed"] for event in changes] == [["chunking"], ["version"]]


def test_chunks_whose_text_is_the_same_take_over_their_vectors(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = ready(base)
    document_update(document=version.document, chunking={"size": 220}, actor=ACTOR)
    monkeypatch.setattr(embeddings, "embed", None)
    make.run_stages()
    assert (answering(), statuses()) == (2, ["ready", "ready"])


@pytest.mark.parametrize(
    "wrong",
    [{"size": 3}, {"overlap": 200}, {"strategy": "magic"}, {"breadth": 4}, {"size": None}, {"size": "16"}],
    ids=str,
)
def test_what_no_document_can_be_cut_by_is_refused_and_nothing_is_written(
    base: KnowledgeBase, wrong: dict[str, Any]
) -> None:
    version = ready(base)
    before = list(Document.objects.values()), list(DocumentVersion.objects.values()), OutboxEvent.objects.count()
    with pytest.raises(InvalidChunkingError):
        document_update(document=version.document, title="Other", chunking=wrong, actor=ACTOR)
    with pytest.raises(InvalidChunkingError):
        make.upload(base, "Something else.", chunking=wrong)
    now = list(Document.objects.values()), list(DocumentVersion.objects.values()), OutboxEvent.objects.count()
    assert now == before


def test_an_override_is_checked_together_with_the_knowledge_base_s_settings() -> None:
    small = make.knowledge_base(chunking={"size": 64, "overlap": 0})
    with pytest.raises(InvalidChunkingError, match="The overlap 40 is invalid with a size of 64"):
        make.upload(small, chunking={"overlap": 40})
    assert make.upload(small, chunking={"overlap": 40, "size": 80}).outcome is UploadOutcome.CREATED


@pytest.mark.parametrize("done", ["parse", "chunk", "embed"])
def test_a_version_on_its_way_takes_the_new_settings_and_no_other_is_made(base: KnowledgeBase, done: str) -> None:
    version = make.upload(base, TEXT, filename="berths.txt").version
    make.run_stages(["parse", "chunk", "embed"][: ["parse", "chunk", "embed"].index(done) + 1])
    document_update(document=version.document, chunking=FINE, actor=ACTOR)
    assert statuses() == ["parsed"]
    make.run_stages()
    assert statuses() == ["ready"]
    assert chunk_counts()[0] >= 12


def test_a_version_that_is_not_parsed_yet_takes_them_when_it_is_chunked(base: KnowledgeBase) -> None:
    version = make.upload(base, TEXT, filename="berths.txt").version
    document_update(document=version.document, chunking=FINE, actor=ACTOR)
    assert statuses() == ["uploaded"]
    make.run_stages()
    assert chunk_counts()[0] >= 12


def test_a_change_while_it_is_cut_lets_the_old_cut_be_dropped(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make.upload(base, TEXT, filename="berths.txt").version
    make.run_stages(["parse"])
    cut = indexing.chunk

    def cut_and_change(*arguments: Any, **rest: Any) -> Any:
        monkeypatch.setattr(indexing, "chunk", cut)
        document_update(document=version.document, chunking=FINE, actor=ACTOR)
        return cut(*arguments, **rest)

    monkeypatch.setattr(indexing, "chunk", cut_and_change)
    job_run(job_named("chunk"))
    assert (statuses(), chunk_counts()) == (["parsed"], [0])
    DocumentVersion.objects.update(not_before="2000-01-01T00:00Z")
    make.run_stages()
    assert statuses() == ["ready"]
    assert chunk_counts()[0] >= 12


def test_a_change_the_worker_cannot_see_coming_is_seen_when_it_writes(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings were read before they were changed, and the version was not claimed yet when they were."""
    version = make.upload(base, TEXT, filename="berths.txt").version
    make.run_stages(["parse"])
    cut = indexing.chunk

    def cut_and_change(*arguments: Any, **rest: Any) -> Any:
        Document.objects.filter(pk=version.document_id).update(chunking=FINE)
        return cut(*arguments, **rest)

    monkeypatch.setattr(indexing, "chunk", cut_and_change)
    job_run(job_named("chunk"))
    record = StageRecord.objects.get(version=version, stage="chunk")
    assert (record.outcome, record.error_code) == ("postponed", "settings_changed")
    assert not Chunk.objects.exists()


def test_two_changes_in_a_row_make_one_version(base: KnowledgeBase) -> None:
    document = ready(base).document
    document_update(document=document, chunking={"size": 64}, actor=ACTOR)
    document_update(document=document, chunking=FINE, actor=ACTOR)
    make.run_stages()
    assert (answering(), statuses()) == (2, ["ready", "ready"])
    assert chunk_counts()[1] >= 12


def test_a_change_that_changes_nothing_cuts_nothing(base: KnowledgeBase) -> None:
    document = ready(base, chunking=FINE).document
    document_update(document=document, chunking=dict(FINE), title="Berths", actor=ACTOR)
    assert statuses() == ["ready"]


def test_rechunked_text_does_not_come_back_over_a_newer_upload(base: KnowledgeBase) -> None:
    document = ready(base, external_id="berths").document
    make.upload(base, "The harbour is closed.", filename="berths.txt", external_id="berths")
    document_update(document=document, chunking=FINE, actor=ACTOR)
    make.run_stages()
    assert statuses() == ["ready"] * 3
    assert answering() == 2, "the newer upload, and not the older one that was re-chunked as version 3"


def test_a_failed_upload_that_is_retried_after_a_cut_answers(base: KnowledgeBase) -> None:
    document = ready(base, external_id="berths").document
    stopped = make.upload(base, "The harbour is closed.", filename="berths.txt", external_id="berths")
    version_cancel(version=stopped.version, actor=ACTOR)
    document_update(document=document, chunking=FINE, actor=ACTOR)
    make.run_stages()
    assert answering() == 3
    version_retry(version=stopped.version, actor=ACTOR)
    make.run_stages()
    assert answering() == 2


def test_going_back_while_a_later_text_is_rechunked_stands(base: KnowledgeBase) -> None:
    first = ready(base, external_id="berths")
    make.ready_version(base, "The harbour is closed.", filename="berths.txt", external_id="berths")
    document = Document.objects.get()
    document_update(document=document, chunking=FINE, actor=ACTOR)
    document_rollback(document=document, version=first, actor=ACTOR)
    make.run_stages()
    assert statuses() == ["ready"] * 3
    assert answering() == 1


def test_the_same_bytes_again_name_the_upload_that_has_them(base: KnowledgeBase) -> None:
    document = ready(base, external_id="berths").document
    second = make.upload(base, "The harbour is closed.", filename="berths.txt", external_id="berths")
    version_cancel(version=second.version, actor=ACTOR)
    document_update(document=document, chunking=FINE, actor=ACTOR)
    again = make.upload(base, "The harbour is closed.", filename="berths.txt", external_id="berths")
    assert (again.outcome, again.version.pk) == (UploadOutcome.UNCHANGED, second.version.pk)


def test_a_known_document_keeps_its_chunking(base: KnowledgeBase) -> None:
    ready(base, external_id="berths", chunking=FINE)
    make.upload(base, "The harbour is closed.", external_id="berths", chunking={"size": 64})
    assert Document.objects.get().chunking == FINE


def test_a_deleted_document_is_purged_with_its_rechunked_versions(base: KnowledgeBase) -> None:
    document = ready(base).document
    document_update(document=document, chunking=FINE, actor=ACTOR)
    make.run_stages()
    with transaction.atomic():
        Document.objects.update(deleted_at="2000-01-01T00:00Z")
    assert not documents_purge(turns.long())
    assert not DocumentVersion.objects.exists()
