from __future__ import annotations

from typing import Any

import pytest

from apps.models.engine.settings import Precision
from benchmarks.ingestion import measuring
from benchmarks.ingestion.options import Options

pytestmark = pytest.mark.django_db


def test_the_engine_by_itself_has_texts_and_computes_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(measuring, "_model", lambda: None)
    monkeypatch.setattr(
        measuring.engine, "compare", lambda _, texts, **options: seen.update(options, texts=texts) or {}
    )

    measuring._engine(None, Options(1, 1, frozenset({"engine"}), Precision.FLOAT32))  # type: ignore[arg-type]

    assert len(seen["texts"]) == measuring.ENGINE_TEXTS
    assert all(len(text.split()) >= 40 for text in seen["texts"])
    assert seen["precision"] is Precision.FLOAT32
