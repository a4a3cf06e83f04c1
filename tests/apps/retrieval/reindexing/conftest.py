from __future__ import annotations

from pathlib import Path

import pytest

from apps.documents.models import KnowledgeBase
from apps.models.installed_model import EmbeddingModel
from tests.apps.retrieval.evaluation.asking import library
from tests.apps.retrieval.reindexing.rebuilding import other_model


@pytest.fixture
def base() -> KnowledgeBase:
    return library()


@pytest.fixture
def smaller(base: KnowledgeBase, tmp_path: Path) -> EmbeddingModel:
    return other_model(tmp_path)
