"""Each family that people use, as sentence-transformers computes it from the same folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from apps.models.checkpoint import checkpoint_read
from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.prompts import NO_PROMPTS, TextRole
from tests.apps.models.conftest import model_of
from tests.apps.models.families import FAMILIES, encoder_make

PACKED = {"MiniLM", "BGE", "RoBERTa", "CamemBERT", "multilingual E5"}
TEXTS = [
    "rent",
    "",
    "The tenant pays the rent on the first day of each month.",
    "water boils " * 40,
    "naïve 東京 €5; Wann zahlt der Mieter? ¿Cuándo paga el inquilino?",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A family's checkpoint, made once."""

    @cache
    def made(name: str) -> Path:
        return encoder_make(tmp_path_factory.mktemp("family"), FAMILIES[name])

    return made


@pytest.fixture(scope="module")
def reference(folder: Callable[[str], Path]) -> Callable[[str], dict[TextRole, np.ndarray]]:
    """What sentence-transformers makes of the texts, in float32."""
    return cache(lambda name: encoded(folder(name)))


def encoded(path: Path, *, dtype: torch.dtype = torch.float32) -> dict[TextRole, np.ndarray]:
    """What sentence-transformers makes of the texts as queries and as documents."""
    model = SentenceTransformer(str(path), device="cpu", model_kwargs={"dtype": dtype})
    made = {TextRole.QUERY: model.encode_query(TEXTS), TextRole.DOCUMENT: model.encode_document(TEXTS)}
    return {role: rows / np.linalg.norm(rows, axis=1, keepdims=True) for role, rows in made.items()}


def engine_loaded(path: Path, precision: Precision, **settings: int) -> EmbeddingEngine:
    model = replace(model_of(path, name=path.name), prompts=checkpoint_read(path).prompts or NO_PROMPTS)
    engine = EmbeddingEngine(model, EngineSettings(precision=precision, threads=2, **settings))
    engine.load()
    return engine


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_computed_as_sentence_transformers_does(
    folder: Callable[[str], Path], reference: Callable[[str], dict[TextRole, np.ndarray]], name: str
) -> None:
    engine = engine_loaded(folder(name), Precision.FLOAT32)

    for role, expected in reference(name).items():
        vectors = engine.embed(TEXTS, role=role)
        assert (vectors * expected).sum(axis=1).min() >= 0.9999
        assert vectors[0] @ vectors[2] < 0.999
    assert engine.packed is (name in PACKED)


@pytest.mark.parametrize("name", FAMILIES)
def test_half_precision_takes_as_little_on_either_cpu_as_it_does_from_sentence_transformers(
    folder: Callable[[str], Path],
    reference: Callable[[str], dict[TextRole, np.ndarray]],
    name: str,
    either_cpu: None,
) -> None:
    engine = engine_loaded(folder(name), Precision.BFLOAT16)
    half = encoded(folder(name), dtype=torch.bfloat16)

    for role, expected in reference(name).items():
        ours, theirs = (
            (vectors * expected).sum(axis=1).min() for vectors in (engine.embed(TEXTS, role=role), half[role])
        )
        assert 1 - ours <= max(1e-4, 2 * (1 - theirs))


@pytest.mark.parametrize("name", FAMILIES)
def test_what_else_is_in_the_batch_makes_no_difference(folder: Callable[[str], Path], name: str) -> None:
    engine = engine_loaded(folder(name), Precision.FLOAT32)

    together = engine.embed(TEXTS)

    assert together == pytest.approx(np.vstack([engine.embed([text]) for text in TEXTS]), abs=1e-4)


@pytest.mark.parametrize("name", sorted(PACKED))
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
def test_packed_texts_get_the_vectors_they_get_padded(
    folder: Callable[[str], Path], name: str, precision: Precision, either_cpu: None
) -> None:
    engine = engine_loaded(folder(name), precision)
    packed = engine.embed(TEXTS)

    engine._first_position = None

    assert not engine.packed
    exact = precision is Precision.FLOAT32
    assert (engine.embed(TEXTS) * packed).sum(axis=1).min() >= (0.999999 if exact else 0.9999)
