"""Questions reach the model as queries; what they are compared with reaches it as documents, whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.documents.chunking.settings import ChunkingSettings
from apps.models.engine.tokenizer import ModelTokenizer
from apps.models.gateway import ModelTransport, Purpose, TextRole
from apps.models.gateway.fake import FakeTransport
from apps.models.prompts import Prompts
from apps.models.selectors import embedding_model_version
from apps.models.services.choices import VersionChoices
from apps.models.services.registry import model_register
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.pipeline import ask
from apps.retrieval.reindexing.planning import check_fits, planned_whole, reindex_plan
from apps.retrieval.search.request import SearchRequest
from ragsite.core.errors import PermanentError
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.models.conftest import checkpoint_make

pytestmark = pytest.mark.django_db
QUESTION = "How many berths for guests has the harbour?"


class RoleTransport(FakeTransport):
    """Remembers as what each text was embedded, and what for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Purpose, TextRole, str]] = []

    def embed(self, texts: Sequence[str], *, role: TextRole, purpose: Purpose, **rest: Any) -> Any:
        self.asked += [(purpose, role, text) for text in texts]
        return super().embed(texts, role=role, purpose=purpose, **rest)

    def roles(self, purpose: Purpose) -> set[TextRole]:
        return {role for asked_for, role, _ in self.asked if asked_for is purpose}


@pytest.fixture
def transport(use_transport: Callable[[ModelTransport], None]) -> RoleTransport:
    made = RoleTransport()
    use_transport(made)
    return made


@pytest.mark.parametrize("strategy", ["sentence", "semantic"])
def test_what_is_indexed_is_a_document(transport: RoleTransport, strategy: str) -> None:
    make.ready_version(make.knowledge_base(chunking={"strategy": strategy, "size": 64, "overlap": 0}))

    assert transport.roles(Purpose.INDEX) == {TextRole.DOCUMENT}


def test_a_question_is_a_query_and_quoting_sentences_asks_no_model(transport: RoleTransport) -> None:
    base = make.ready_version().document.knowledge_base
    transport.asked.clear()

    assert ask(SearchRequest(QUESTION), scope=make.scope(base), deadline=make.soon(), actor=ACTOR).found

    assert [text for purpose, role, text in transport.asked if role is TextRole.QUERY] == [QUESTION]
    assert transport.roles(Purpose.QUERY) == {TextRole.QUERY}
    assert transport.roles(Purpose.ANSWER) == set()


def test_a_re_index_is_measured_with_documents(transport: RoleTransport) -> None:
    base = make.ready_version().document.knowledge_base
    live = generation_ensure(base)
    transport.asked.clear()

    reindex_plan(
        live,
        model=embedding_model_version(live.model_version_id),
        chunking=ChunkingSettings.from_dict(live.chunking),
        planned=planned_whole(live),
    )

    assert {role for _, role, _ in transport.asked} == {TextRole.DOCUMENT}


def test_chunks_leave_room_for_the_prompt(tmp_path: Path) -> None:
    choices = VersionChoices(document_prompt="a passage of text: ")
    path = checkpoint_make(tmp_path, tokens=32)
    model_register(source=path, name="prompted", choices=choices, actor=ACTOR)

    version = make.ready_version(
        make.knowledge_base(chunking={"size": 64, "overlap": 0, "context": "none"}), "rent " * 100
    )

    prompt = ModelTokenizer(path).count("a passage of text: ")
    assert max(version.chunks.values_list("token_count", flat=True)) == 32 - 2 - prompt


def test_a_model_whose_prompt_leaves_too_little_room_for_the_chunks_is_refused() -> None:
    base = make.knowledge_base(chunking={"size": 250, "overlap": 0, "context": "none"})
    live = generation_ensure(make.ready_version(base, "berth " * 600).document.knowledge_base)
    model, chunks = embedding_model_version(live.model_version_id), planned_whole(live).chunks(live.chunking_key)
    chunking = ChunkingSettings.from_dict(live.chunking)
    check_fits(live, model, chunking, chunks=chunks)

    with pytest.raises(PermanentError, match="reads 249 tokens, and the longest passage has 250"):
        check_fits(live, replace(model, prompts=Prompts(document="passage: ")), chunking, chunks=chunks)
