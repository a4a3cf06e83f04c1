"""What an explanation says of the parts of an index, and to whom."""

from __future__ import annotations

from typing import Any

import pytest

from apps.documents.models import Document, KnowledgeBase
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> KnowledgeBase:
    made = make.knowledge_base(parts="type")
    make.upload(made, "The harbour has 42 berths.", filename="berths.txt")
    make.upload(made, "# Tides\n\nHigh water is at noon.", filename="tides.md")
    make.run_stages()
    return made


def parts_told(base: KnowledgeBase, **asked: Any) -> list[dict[str, str]]:
    body = {"query": "When is high water?", "mode": "dense", "explain": True, **asked}
    answer = make.client(base.tenant).post("/api/v1/search", body, content_type="application/json").json()
    (plan,) = answer["explanation"]["plans"]
    parts: list[dict[str, str]] = plan["parts"]
    return parts


def test_each_part_is_told_with_how_it_was_searched_and_those_that_were_left_out(base: KnowledgeBase) -> None:
    assert parts_told(base) == [{"part": "md", "plan": "exact"}, {"part": "txt", "plan": "exact"}]
    assert parts_told(base, filters={"types": ["md"]}) == [
        {"part": "md", "plan": "exact"}, {"part": "txt", "plan": "left_out"},
    ]  # fmt: skip


def test_a_caller_from_whom_a_document_is_hidden_is_told_of_no_part(base: KnowledgeBase) -> None:
    Document.objects.filter(document_type="txt").update(restricted=True)
    assert parts_told(base) == []
    Document.objects.filter(document_type="txt").update(deleted_at="2026-01-01T00:00Z")
    assert parts_told(base) == [], "it was hidden, and its part is still there"
