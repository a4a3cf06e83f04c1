from __future__ import annotations

from typing import Any

import pytest

from apps.documents.models import DocumentVersion, KnowledgeBase
from apps.retrieval.models import Embedding
from tests import factories as make
from workers import inline
from workers.inline import documents_load

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def base() -> KnowledgeBase:
    return make.knowledge_base()


def loaded(base: KnowledgeBase, texts: list[str]) -> list[int]:
    told: list[int] = []
    named = [(f"{number}.txt", text) for number, text in enumerate(texts)]
    documents_load(base, named, upload=lambda item: make.upload(base, item[1], filename=item[0]), told=told.append)
    return told


def test_every_document_is_ready_when_the_load_ends(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline, "CLAIMS", 3)
    told = loaded(base, [f"The buoy number {number} is red." for number in range(10)])
    versions = DocumentVersion.objects.filter(document__knowledge_base=base)
    assert {version.status for version in versions} == {"ready"}
    assert {stage.attempts for version in versions for stage in version.stages.all()} == {1}
    assert Embedding.objects.count() == 10
    assert (told[-1], told) == (10, sorted(told))


def test_a_document_that_fails_is_tried_alone_and_the_others_become_ready(base: KnowledgeBase) -> None:
    told: list[int] = []
    items = [("good.txt", "The buoy is red."), ("bad.pdf", make.BROKEN_PDF), ("fine.txt", "The pier is long.")]
    documents_load(base, items, upload=lambda item: make.upload(base, item[1], filename=item[0]), told=told.append)
    ended = dict(DocumentVersion.objects.values_list("filename", "status"))
    assert ended == {"good.txt": "ready", "bad.pdf": "failed", "fine.txt": "ready"}


def test_a_defect_in_the_second_thread_ends_the_load(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(inline, "_embed_until", broken)
    with pytest.raises(ZeroDivisionError):
        loaded(base, ["The buoy is red."])
