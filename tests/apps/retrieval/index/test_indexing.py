from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db.models.functions import Now

from apps.documents.models import Chunk, DocumentVersion
from apps.documents.services.documents import document_delete
from apps.models.engine.tokenizer import ModelTokenizer
from apps.models.gateway import ModelTransport
from apps.models.gateway.fake import FakeTransport
from apps.models.selectors import embedding_model_default
from apps.retrieval.index import embeddings
from apps.retrieval.models import Embedding
from ragsite.core.errors import ModelUnavailableError
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.acting import ACTOR
from workers.jobs import job_named

pytestmark = pytest.mark.django_db

TEXT = "\n\n".join(f"Berth {number} costs {number} euros for a night." for number in range(10))
FINE = {"size": 16, "overlap": 0}


class Watched(FakeTransport):
    """Embeds as the fake one does, remembers what it was asked, and fails at the call it is told to."""

    def __init__(self, *, fails_at: int = 0, error: type[BaseException] = ModelUnavailableError) -> None:
        self.calls: list[list[str]] = []
        self.fails_at, self.error = fails_at, error

    def embed(self, texts: Sequence[str], **rest: Any) -> np.ndarray:
        self.calls.append(list(texts))
        if len(self.calls) == self.fails_at:
            raise self.error("The model worker went away.")
        return super().embed(texts, **rest)

    @property
    def texts(self) -> list[str]:
        return [text for call in self.calls for text in call]


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "BATCH", 4)


def tokenizer() -> ModelTokenizer:
    return ModelTokenizer(embedding_model_default().path)


UseTransport = Callable[[ModelTransport], None]


def at_once() -> None:
    """Let what was postponed, or is held by a worker that died, be taken up now."""
    DocumentVersion.objects.update(not_before=Now())
    DocumentVersion.objects.exclude(lease_until=None).update(lease_until=Now() - timedelta(seconds=1))


@pytest.mark.parametrize("error", [ModelUnavailableError, KeyboardInterrupt], ids=["postponed", "killed"])
def test_embedding_goes_on_where_it_was_interrupted_and_embeds_nothing_twice(
    use_transport: UseTransport, error: type[BaseException]
) -> None:
    version = make.upload(make.knowledge_base(chunking=FINE), TEXT, filename="a.txt").version
    make.run_stages(["parse", "chunk"])
    first = Watched(fails_at=2, error=error)
    use_transport(first)
    try:
        make.run_stages(["embed"])
    except KeyboardInterrupt:
        assert error is KeyboardInterrupt
    version.refresh_from_db()
    assert (version.status, version.attempts) == ("chunked", 1)
    assert Embedding.objects.count() == 4, "the first batch is kept"
    second = Watched()
    use_transport(second)
    at_once()
    make.run_stages()
    version.refresh_from_db()
    assert version.status == "ready", version.error
    assert Embedding.objects.count() == Chunk.objects.count() == version.chunk_count == 10
    assert len(second.texts) == 6
    assert not set(first.calls[0]) & set(second.texts)
    assert version.stages.get(stage="embed").attempts == 2
    assert OutboxEvent.objects.filter(type="vector.indexed").count() == 1


def test_a_model_that_stays_away_fails_the_version_in_the_end_and_leaves_no_vector(
    use_transport: UseTransport, settings: Any
) -> None:
    settings.RAGSITE_MAX_ATTEMPTS = 2
    version = make.upload(make.knowledge_base(chunking=FINE), TEXT, filename="a.txt").version
    make.run_stages(["parse", "chunk"])
    for fails_at in (2, 1):
        use_transport(Watched(fails_at=fails_at))
        make.run_stages(["embed"])
        at_once()
    assert job_named("embed").rows.give_up() == 1
    version.refresh_from_db()
    assert (version.status, version.error_code, version.chunk_count) == ("failed", "too_many_attempts", 0)
    assert (Chunk.objects.count(), Embedding.objects.count()) == (0, 0)
    assert version.parsed.text, "the text stays, so that a retry need not parse again"


def test_a_long_version_outlives_any_number_of_deaths_as_long_as_each_start_gets_on(
    use_transport: UseTransport, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RAGSITE_MAX_ATTEMPTS = 2
    monkeypatch.setattr(embeddings, "BATCH", 1)
    version = make.upload(make.knowledge_base(chunking=FINE), TEXT, filename="a.txt").version
    make.run_stages(["parse", "chunk"])
    for kept in range(1, 6):
        use_transport(Watched(fails_at=2, error=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            make.run_stages(["embed"])
        at_once()
        assert job_named("embed").rows.give_up() == 0
        assert Embedding.objects.count() == kept
    use_transport(Watched())
    make.run_stages()
    version.refresh_from_db()
    assert version.status == "ready"


def test_documents_with_the_same_text_pay_for_it_once(use_transport: UseTransport) -> None:
    base = make.knowledge_base(chunking={**FINE, "context": "none"})
    make.ready_version(base, TEXT, filename="a.txt")
    watched = Watched()
    use_transport(watched)
    twin = make.ready_version(base, f"{TEXT}\n\nOne more line about boats at sea is here.", filename="b.txt")
    assert watched.texts == ["One more line about boats at sea is here."]
    assert twin.status == "ready"
    assert Embedding.objects.count() == 21


def test_a_chunk_is_embedded_with_its_documents_name_and_its_headings(use_transport: UseTransport) -> None:
    watched = Watched()
    use_transport(watched)
    told = f"# Harbour\n\n## Berths\n\n{TEXT}"
    base = make.knowledge_base(chunking={"size": 60, "overlap": 0})
    version = make.ready_version(base, told, filename="RULES_2022.md")
    first, *_, last = version.chunks.order_by("ordinal")
    assert (first.context, last.context) == ("Rules 2022", "Rules 2022\nHarbour > Berths")
    assert set(watched.texts) == {f"{one.context}\n{one.text}" for one in version.chunks.all()}
    assert version.parsed.text[last.start : last.end] == last.text
    assert bytes(last.content_hash) == hashlib.sha256(f"{last.context}\n{last.text}".encode()).digest()


def test_the_same_text_under_other_names_is_another_vector(use_transport: UseTransport) -> None:
    base = make.knowledge_base()
    for year in (2021, 2022):
        make.ready_version(
            base, f"A berth costs 20 euros for a night.{' ' * (year - 2020)}", filename=f"rules_{year}.txt"
        )
    first, second = Embedding.objects.order_by("chunk")
    assert first.embedding != second.embedding


def test_a_chunk_and_what_stands_before_it_fit_together(use_transport: UseTransport) -> None:
    base = make.knowledge_base(chunking={"size": 8000, "overlap": 0})
    title = "The rules of the harbour and of everything that lies in it or comes by"
    version = make.ready_version(base, TEXT * 40, filename=f"{title}.txt")
    counts = [tokenizer().count(f"{one.context}\n{one.text}") for one in version.chunks.all()]
    assert len(counts) > 1
    assert max(counts) <= tokenizer().limit


def test_chunks_of_several_documents_are_embedded_together(use_transport: UseTransport) -> None:
    base = make.knowledge_base()
    for number in range(4):
        make.upload(base, f"Document number {number} is about boats.", filename=f"{number}.txt")
    make.run_stages(["parse", "chunk"])
    watched = Watched()
    use_transport(watched)
    make.run_stages(["embed"])
    assert [len(call) for call in watched.calls] == [4]


def test_an_older_version_does_not_replace_a_newer_one() -> None:
    base = make.knowledge_base()
    old = make.upload(base, "The gate opens at seven.", filename="a.txt", external_id="gate").version
    new = make.upload(base, "The gate opens at nine.", filename="a.txt", external_id="gate").version
    DocumentVersion.objects.filter(pk=old.pk).update(not_before=Now() + timedelta(hours=1))
    make.run_stages()
    new.refresh_from_db()
    assert new.document.current_version == new
    events = OutboxEvent.objects.count()
    DocumentVersion.objects.filter(pk=old.pk).update(not_before=Now())
    make.run_stages()
    old.refresh_from_db()
    assert old.status == "ready"
    assert old.document.current_version == new
    assert OutboxEvent.objects.count() == events, "nothing changed for the outside"
    assert make.found(make.scope(base), "When does the gate open?") == ["The gate opens at nine."]


def test_activation_tells_that_the_vectors_are_there_and_an_update_only_of_a_later_version() -> None:
    base = make.knowledge_base()
    first = make.ready_version(base, "The gate opens at seven.", filename="a.txt", external_id="gate")

    def told() -> list[tuple[str, str]]:
        events = OutboxEvent.objects.exclude(type="document.created").order_by("id")
        return [(event.type, event.payload["version_id"]) for event in events]

    assert told() == [("vector.indexed", str(first.pk))]
    assert first.ready_at is not None
    second = make.ready_version(base, "The gate opens at nine.", filename="a.txt", external_id="gate")
    assert told()[1:] == [("vector.indexed", str(second.pk)), ("document.updated", str(second.pk))]


def test_a_version_of_a_document_deleted_under_way_becomes_ready_for_nobody() -> None:
    version = make.upload(make.knowledge_base(), "The gate opens at seven.", filename="a.txt").version
    make.run_stages(["parse", "chunk", "embed"])
    document_delete(document=version.document, actor=ACTOR)
    make.run_stages(["activate"])
    version.document.refresh_from_db()
    assert version.document.current_version is None
    assert not OutboxEvent.objects.filter(type="vector.indexed").exists()


def test_chunking_twice_leaves_one_set_of_chunks() -> None:
    version = make.upload(make.knowledge_base(chunking=FINE), TEXT, filename="a.txt").version
    make.run_stages(["parse", "chunk"])
    first = list(Chunk.objects.order_by("ordinal").values_list("ordinal", "start", "end", "text"))
    DocumentVersion.objects.filter(pk=version.pk).update(status="parsed", attempts=0)
    make.run_stages(["chunk"])
    assert list(Chunk.objects.order_by("ordinal").values_list("ordinal", "start", "end", "text")) == first
    version.refresh_from_db()
    assert version.chunk_count == len(first) == 10


def test_every_chunk_fits_the_settings_of_its_knowledge_base() -> None:
    version = make.ready_version(make.knowledge_base(chunking=FINE), TEXT, filename="a.txt")
    assert all(0 < tokens <= 16 for tokens in version.chunks.values_list("token_count", flat=True))


@pytest.mark.parametrize("strategy", ["sentence", "heading", "tokens", "semantic"])
def test_a_knowledge_base_chunks_as_it_says(strategy: str) -> None:
    base = make.knowledge_base(chunking={"strategy": strategy, "size": 64, "overlap": 0})
    version = make.ready_version(base)
    assert version.status == "ready", version.error
    assert version.chunks.count() == version.chunk_count > 0


def test_rows_of_a_long_table_carry_its_header_and_are_embedded_with_it() -> None:
    rows = "\n".join(f"| Berth {number} | {number * 3} metres | {number + 20} euros |" for number in range(60))
    table = f"# Berths\n\n| Name | Length | Price |\n|---|---|---|\n{rows}\n"
    version = make.ready_version(make.knowledge_base(chunking={"size": 120, "overlap": 0, "context": "none"}), table)
    later = version.chunks.order_by("ordinal").last()
    assert later is not None
    assert later.table_header == "| Name | Length | Price |"
    assert bytes(later.content_hash) == hashlib.sha256(f"{later.table_header}\n{later.text}".encode()).digest()
