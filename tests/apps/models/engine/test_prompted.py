"""Queries and documents as sentence-transformers encodes them from the same folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from apps.models.checkpoint import checkpoint_read
from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.engine.tokenizer import InputEncoder, ModelTokenizer
from apps.models.installed_model import EmbeddingModel
from apps.models.prompts import Prompts, TextRole
from tests.apps.models.conftest import model_of

MakeCheckpoint = Callable[..., Path]
EXACT = EngineSettings(precision=Precision.FLOAT32, threads=2)
PROMPTS = Prompts("the engine answers: ", "a passage of text: ")
TEXTS = ["rent", "", "The tenant pays the rent on the first day of each month.", "water boils " * 30, "naïve 東京 €5"]


@pytest.fixture
def prompted(make_checkpoint: MakeCheckpoint) -> Callable[..., EmbeddingModel]:
    """A checkpoint that names its prompts, and what would be registered of it."""

    def make(*, pools_prompt: bool = True, pooling: str = "mean_tokens") -> EmbeddingModel:
        path = make_checkpoint(pooling=pooling, spread=0.3)
        stated = {"prompts": {"query": PROMPTS.query, "document": PROMPTS.document}}
        (path / "config_sentence_transformers.json").write_text(json.dumps(stated), encoding="utf-8")
        file = path / "1_Pooling" / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"include_prompt": pools_prompt}), encoding="utf-8")
        found = checkpoint_read(path).prompts
        assert found is not None
        return replace(model_of(path, name="prompted"), prompts=found)

    return make


def engine_loaded(model: EmbeddingModel) -> EmbeddingEngine:
    engine = EmbeddingEngine(model, EXACT)
    engine.load()
    return engine


@pytest.mark.parametrize("pooling", ["mean_tokens", "cls_token"])
@pytest.mark.parametrize("pools_prompt", [True, False])
def test_queries_and_documents_are_encoded_as_the_checkpoint_means_them(
    prompted: Callable[..., EmbeddingModel], pools_prompt: bool, pooling: str
) -> None:
    model = prompted(pools_prompt=pools_prompt, pooling=pooling)
    reference = SentenceTransformer(str(model.path), device="cpu")
    engine = engine_loaded(model)

    queries, documents = engine.embed(TEXTS, role=TextRole.QUERY), engine.embed(TEXTS, role=TextRole.DOCUMENT)

    assert (queries * reference.encode_query(TEXTS)).sum(axis=1).min() >= 0.9999
    assert (documents * reference.encode_document(TEXTS)).sum(axis=1).min() >= 0.9999
    assert (queries * documents).sum(axis=1).min() < 0.99


def test_queries_and_documents_share_a_batch(prompted: Callable[..., EmbeddingModel]) -> None:
    engine = engine_loaded(prompted(pools_prompt=False))
    mixed = [(role, text) for text in TEXTS for role in TextRole]

    together = engine.run(mixed)

    apart = {role: engine.embed(TEXTS, role=role) for role in TextRole}
    expected = np.array([apart[role][TEXTS.index(text)] for role, text in mixed])
    assert together == pytest.approx(expected, abs=1e-5)


def test_a_text_that_a_long_prompt_leaves_no_room_for_gets_a_vector(prompted: Callable[..., EmbeddingModel]) -> None:
    long = replace(prompted(pools_prompt=False), prompts=Prompts("water boils " * 40))

    vectors = engine_loaded(long).embed(["rent"], role=TextRole.QUERY)

    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_chunks_leave_room_for_the_prompt(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    tokenizer = ModelTokenizer(path, prompt=PROMPTS.document)
    text = " ".join(["rent"] * tokenizer.limit)

    assert tokenizer.limit == ModelTokenizer(path).limit - ModelTokenizer(path).count(PROMPTS.document)
    encoder = InputEncoder(path, max_tokens=tokenizer.max_tokens)
    longest, longer = encoder.encode([PROMPTS.document + text, PROMPTS.document + text + " rent"])
    assert len(longest) == tokenizer.max_tokens
    assert longer == longest
    whole = Tokenizer.from_file(str(path / "tokenizer.json"))
    whole.no_truncation()
    whole.no_padding()
    assert whole.encode(PROMPTS.document + text).ids == longest
