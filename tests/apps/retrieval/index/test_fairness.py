"""One tenant's backlog and another's page: how many claims, and how many texts of the model, the page waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from django.conf import settings as django_settings

from apps.documents.lifecycle.versions import version_cancel
from apps.documents.models import DocumentVersion, KnowledgeBase, StageRecord
from apps.documents.services.documents import document_delete
from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline, ModelTransport
from apps.models.gateway.fake import FakeTransport
from apps.retrieval.index import batches, embeddings, indexing
from apps.retrieval.models import Embedding
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from workers.jobs import STAGES, TURN_SECONDS, Job, job_named
from workers.running import job_run

pytestmark = pytest.mark.django_db

FINE = {"size": 16, "overlap": 0}
EMBED, CHUNK, ACTIVATE = job_named("embed"), job_named("chunk"), job_named("activate")
UseTransport = Callable[[ModelTransport], None]


class Watched(FakeTransport):
    """Embeds as the fake one does, remembers what it was asked and until when, and does something at each call."""

    def __init__(self, *, at_call: Callable[[int], object] = lambda number: None) -> None:
        self.calls: list[list[str]] = []
        self.deadlines: list[Deadline] = []
        self.at_call = at_call

    def embed(self, texts: Sequence[str], **rest: Any) -> np.ndarray:
        self.calls.append(list(texts))
        self.deadlines.append(rest["deadline"])
        self.at_call(len(self.calls))
        return super().embed(texts, **rest)

    @property
    def texts(self) -> list[str]:
        return [text for call in self.calls for text in call]


def lines(many: int, about: str) -> str:
    return "\n\n".join(f"{about} {number} costs {number} euros for a night." for number in range(many))


def uploaded(base: KnowledgeBase, many: int, about: str) -> DocumentVersion:
    """A version that is cut into so many chunks."""
    return make.upload(base, lines(many, about), filename="a.txt").version


def until(stage: Job) -> list[str]:
    return [earlier.name for earlier in STAGES[: STAGES.index(stage)]]


def status(version: DocumentVersion) -> str:
    version.refresh_from_db()
    return str(version.status)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "BATCH", 8)
    monkeypatch.setattr(batches, "SLICE", 4)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_page_is_in_the_first_claim_of_each_stage_whatever_another_tenant_has_waiting(stage: Job) -> None:
    base = make.knowledge_base()
    for number in range(60):
        make.upload(base, f"File {number} is about boats.", filename="a.txt")
    page = make.upload(make.knowledge_base(), "The gate opens at seven.", filename="a.txt").version
    if until(stage):
        make.run_stages(until(stage))
    assert job_run(stage)
    assert status(page) == stage.rows.after


@pytest.mark.usefixtures("small_batches")
def test_a_page_waits_for_one_batch_of_anothers_thousands_of_chunks(use_transport: UseTransport) -> None:
    base = make.knowledge_base(chunking=FINE)
    for number in range(10):
        uploaded(base, 10, f"Berth of harbour {number}")
    page = uploaded(make.knowledge_base(chunking=FINE), 1, "Page")
    make.run_stages(until(EMBED))
    seen: list[str] = []
    watched = Watched(at_call=lambda number: seen.append(status(page)))
    use_transport(watched)
    assert job_run(EMBED)
    assert watched.calls[0] == [lines(1, "Page")]
    assert seen == ["chunked", "embedded", "embedded"], "it is complete before the long ones' share is computed"
    assert len(watched.texts) == 8


@pytest.mark.usefixtures("small_batches")
def test_a_version_is_complete_with_its_own_last_chunk_and_the_others_go_on_at_their_next_turn(
    use_transport: UseTransport,
) -> None:
    base = make.knowledge_base(chunking=FINE)
    long, other, short = (uploaded(base, many, f"Berth of {many}") for many in (20, 15, 3))
    make.run_stages(until(EMBED))
    use_transport(Watched())
    assert job_run(EMBED)
    assert [status(version) for version in (long, other, short)] == ["chunked", "chunked", "embedded"]
    assert Embedding.objects.filter(version_id=long.pk).count() == 4
    for version in (long, other):
        assert (version.attempts, version.lease_owner) == (0, "")
    began = StageRecord.objects.get(version=long, stage="embed").started_at
    make.run_stages(["embed"])
    record = StageRecord.objects.get(version=long, stage="embed")
    assert (record.outcome, record.attempts, record.started_at) == ("done", 1, began)
    assert Embedding.objects.count() == 38


@pytest.mark.usefixtures("small_batches")
def test_who_gets_no_share_of_a_batch_is_given_back_before_the_model_is_asked(use_transport: UseTransport) -> None:
    base = make.knowledge_base(chunking=FINE)
    versions = [uploaded(base, 10, f"Berth of harbour {number}") for number in range(4)]
    make.run_stages(until(EMBED))
    free: list[int] = []
    use_transport(Watched(at_call=lambda number: free.append(DocumentVersion.objects.filter(lease_until=None).count())))
    assert job_run(EMBED)
    assert free[0] == len(versions) - 2
    assert StageRecord.objects.filter(stage="embed").count() == 2, "the others were as if they had not been claimed"


def test_small_documents_fill_one_call_across_knowledge_bases(use_transport: UseTransport) -> None:
    for number in range(4):
        make.upload(make.knowledge_base(), f"Document number {number} is about boats.", filename="a.txt")
    make.run_stages(until(EMBED))
    watched = Watched()
    use_transport(watched)
    assert job_run(EMBED)
    assert [len(call) for call in watched.calls] == [4]
    assert not job_run(EMBED)


@pytest.mark.usefixtures("small_batches")
def test_texts_that_have_a_vector_already_take_up_no_batch(use_transport: UseTransport) -> None:
    base = make.knowledge_base(chunking=FINE)
    make.ready_version(base, lines(20, "Berth"), filename="a.txt")
    twin = make.upload(base, lines(20, "Berth") + "\n\nOne more line about boats at sea.", filename="b.txt").version
    make.run_stages(until(EMBED))
    watched = Watched()
    use_transport(watched)
    make.run_stages()
    assert status(twin) == "ready"
    assert watched.texts == ["One more line about boats at sea."]
    assert twin.attempts == 0


@pytest.mark.usefixtures("small_batches")
def test_what_a_slow_model_has_computed_is_kept_before_the_batch_is_done(
    use_transport: UseTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "WRITE_SECONDS", -1.0)
    version = uploaded(make.knowledge_base(chunking=FINE), 8, "Berth")
    make.run_stages(until(EMBED))
    kept: list[int] = []
    use_transport(Watched(at_call=lambda number: kept.append(Embedding.objects.count())))
    assert job_run(EMBED)
    assert kept == [0, 4]
    assert status(version) == "embedded"


@pytest.mark.parametrize("end", ["cancelled", "deleted"])
def test_of_a_version_that_is_no_longer_wanted_only_the_slice_at_hand_is_computed(
    use_transport: UseTransport, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(batches, "SLICE", 4)
    base = make.knowledge_base(chunking=FINE)
    wanted = uploaded(base, 3, "Page")
    unwanted = uploaded(base, 40, "Berth")
    make.run_stages(until(EMBED))

    def at_call(number: int) -> None:
        if number == 2:
            _ = (
                version_cancel(version=unwanted, actor=ACTOR)
                if end == "cancelled"
                else document_delete(document=unwanted.document, actor=ACTOR)
            )

    watched = Watched(at_call=at_call)
    use_transport(watched)
    assert job_run(EMBED)
    assert len(watched.texts) == 8, "nothing was sent after the second slice"
    assert status(wanted) == "embedded"
    assert not job_run(EMBED)


def test_small_texts_are_cut_and_written_before_a_large_one_and_other_large_ones_are_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(indexing, "TOGETHER_BYTES", 100)
    base = make.knowledge_base(chunking=FINE)
    large, other = (uploaded(base, 10, about) for about in ("Berth", "Boat"))
    page = uploaded(make.knowledge_base(chunking=FINE), 1, "Page")
    make.run_stages(until(CHUNK))
    assert job_run(CHUNK)
    assert [status(version) for version in (large, other, page)] == ["chunked", "parsed", "chunked"]
    assert (other.attempts, other.lease_owner) == (0, "")
    ends = [version.stages.get(stage="chunk").finished_at for version in (page, large)]
    assert ends == sorted(ends)


def test_a_worker_that_is_to_leave_begins_no_large_text_and_its_start_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(indexing, "TOGETHER_BYTES", 100)
    large = uploaded(make.knowledge_base(chunking=FINE), 10, "Berth")
    page = uploaded(make.knowledge_base(chunking=FINE), 1, "Page")
    make.run_stages(until(CHUNK))
    assert job_run(CHUNK, turn=turns.short(1))
    assert [status(version) for version in (page, large)] == ["chunked", "parsed"]
    assert (large.attempts, large.lease_owner) == (0, "")


def test_versions_of_many_chunks_are_activated_one_by_one_after_the_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "TOGETHER_CHUNKS", 5)
    base = make.knowledge_base(chunking=FINE)
    large, other = (uploaded(base, 10, about) for about in ("Berth", "Boat"))
    page = uploaded(make.knowledge_base(chunking=FINE), 1, "Page")
    make.run_stages(until(ACTIVATE))
    assert job_run(ACTIVATE)
    assert [status(version) for version in (large, other, page)] == ["ready", "embedded", "ready"]
    assert page.ready_at is not None
    assert large.ready_at is not None
    assert page.ready_at <= large.ready_at
    make.run_stages()
    assert status(other) == "ready"


@pytest.fixture
def by_meaning(monkeypatch: pytest.MonkeyPatch) -> DocumentVersion:
    """A parsed version that is cut by what its sentences mean, which are asked for a few at a time."""
    monkeypatch.setattr("apps.documents.chunking.strategies.semantic.BATCH", 4)
    version = uploaded(make.knowledge_base(chunking={"strategy": "semantic", "size": 64, "overlap": 0}), 20, "Berth")
    make.run_stages(until(CHUNK))
    return version


def test_cutting_by_meaning_waits_no_longer_for_a_model_than_its_queue_lets_it(
    use_transport: UseTransport, by_meaning: DocumentVersion
) -> None:
    soft = CHUNK.soft
    assert soft is not None
    watched = Watched()
    use_transport(watched)
    assert job_run(CHUNK)
    assert status(by_meaning) == "chunked"
    assert len(watched.deadlines) > 1
    assert len(set(watched.deadlines)) == 1, "the time is for all of its calls"
    assert watched.deadlines[0] <= Deadline.after(soft - TURN_SECONDS)


def test_a_slow_model_postpones_a_version_that_is_cut_by_meaning(
    use_transport: UseTransport, by_meaning: DocumentVersion
) -> None:
    def slow(number: int) -> None:
        raise DeadlineExceededError("The deadline passed.")

    use_transport(Watched(at_call=slow))
    assert job_run(CHUNK)
    assert (status(by_meaning), by_meaning.attempts) == ("parsed", 1)
    assert by_meaning.attempts < django_settings.RAGSITE_MAX_ATTEMPTS
    assert by_meaning.stages.get(stage="chunk").outcome == "postponed"


def test_cutting_by_meaning_stops_when_the_document_is_deleted(
    use_transport: UseTransport, by_meaning: DocumentVersion
) -> None:
    watched = Watched(
        at_call=lambda number: document_delete(document=by_meaning.document, actor=ACTOR) if number == 1 else None
    )
    use_transport(watched)
    assert job_run(CHUNK)
    assert len(watched.calls) == 1
    assert not job_run(CHUNK)
