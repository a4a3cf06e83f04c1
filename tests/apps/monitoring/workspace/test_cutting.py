"""How a document would be cut is shown in its text, and is what the chunk stage would make of it."""

from __future__ import annotations

from datetime import timedelta
from statistics import median
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.documents.services.documents import document_update
from apps.monitoring.workspace.cutting import pieces_of
from apps.retrieval.index import preview_work
from apps.retrieval.index.previewing import cut_previews_purge
from apps.retrieval.models import CutPreview
from ragsite.gateway.models import Role
from tests import factories as make
from tests import turns
from tests.acting import ACTOR

SMALL = {"strategy": "sentence", "size": 24, "overlap": 8}
LONG = "# Tides\n\n" + " ".join(f"On day {n} high water is at {n % 12} in the harbour basin." for n in range(1, 40))


@pytest.fixture
def version(db: None) -> DocumentVersion:
    return make.ready_version(content=LONG, filename="tides.md")


def url(base: KnowledgeBase) -> str:
    return f"/admin/knowledge-bases/{base.pk}/index/?part=cut"


def asked(client: Client, version: DocumentVersion, **said: Any) -> Any:
    return client.post(url(version.document.knowledge_base), {"document": version.document_id, **SMALL, **said})


def spans_made(version: DocumentVersion) -> list[tuple[int, int, int, str]]:
    rows = version.chunks.order_by("ordinal")
    return [(row.start, row.end, row.token_count, " › ".join(row.heading_path)) for row in rows]


def test_a_text_is_cut_where_chunks_begin_and_end_and_shows_what_two_of_them_share() -> None:
    pieces = pieces_of("Aa Bb Cc Dd", [(0, 5, 2, "H"), (3, 8, 2, ""), (9, 11, 1, "")])
    assert [(piece.text, piece.tint) for piece in pieces] == [
        ("Aa ", "odd"), ("Bb", "both"), (" Cc", "even"), (" ", ""), ("Dd", "odd"),
    ]  # fmt: skip
    assert [[(cut.number, cut.tokens, cut.heading) for cut in piece.begins] for piece in pieces] == [
        [(1, 2, "H")], [(2, 2, "")], [], [], [(3, 1, "")],
    ]  # fmt: skip
    assert pieces_of("Aa", []) == []


def test_the_preview_is_what_chunking_really_makes(admin_client: Client, version: DocumentVersion) -> None:
    base = version.document.knowledge_base
    page = admin_client.get(f"/admin/knowledge-bases/{base.pk}/index/").content.decode()
    assert "How would a document be cut?" in page
    assert "tides.md" in page
    waits = asked(admin_client, version).content.decode()
    preview = CutPreview.objects.get()
    assert "is being cut" in waits
    assert "No worker is running that cuts documents." in waits
    assert make.work_once("cut-preview")
    shown = admin_client.get(f"{url(base)}&preview={preview.pk}").content.decode()
    document_update(document=version.document, chunking=SMALL, actor=ACTOR)
    make.run_stages()
    made = spans_made(Document.objects.get(pk=version.document_id).current_version)
    preview.refresh_from_db()
    assert len(made) > 10
    assert [tuple(span) for span in preview.spans] == made
    assert preview.chunk_total == len(made)
    assert preview.median_tokens == round(median(tokens for _, _, tokens, _ in made))
    assert f"{len(made)}, now {version.chunk_count}" in shown
    assert "rag-cut-both" in shown
    assert f"1 · {made[0][2]} tokens" in shown
    assert "every 1s" not in shown


def test_a_long_document_shows_its_first_chunks_and_counts_all(
    admin_client: Client, version: DocumentVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_work, "MOST_SPANS", 3)
    asked(admin_client, version)
    make.work_once("cut-preview")
    preview = CutPreview.objects.get()
    assert (len(preview.spans), preview.chunk_total > 10) == (3, True)
    shown = admin_client.get(f"{url(preview.knowledge_base)}&preview={preview.pk}").content.decode()
    assert f"These are the first 3 of {preview.chunk_total} passages." in shown


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"overlap": "20"}, "The overlap 20 is invalid with a size of 24."),
        ({"size": "many"}, "is no number of tokens."),
        ({"strategy": "dice"}, "does not exist"),
        ({"document": "nonsense"}, "No document is chosen."),
    ],
)
def test_what_cannot_be_cut_so_is_refused_in_words(
    admin_client: Client, version: DocumentVersion, said: dict[str, str], told: str
) -> None:
    assert told in asked(admin_client, version, **said).content.decode()
    assert not CutPreview.objects.exists()


def test_nobody_sees_a_cut_of_what_is_not_shown_to_them(admin_client: Client, version: DocumentVersion) -> None:
    base = version.document.knowledge_base
    editor = Client()
    editor.force_login(make.member(base.tenant, Role.EDITOR))
    asked(editor, version)
    make.work_once("cut-preview")
    seen = f"{url(base)}&preview={CutPreview.objects.get().pk}"
    assert "rag-cut-odd" in editor.get(seen).content.decode()
    assert admin_client.get(seen).status_code == 404
    Document.objects.update(restricted=True)
    assert editor.get(seen).status_code == 404
    assert "No document is chosen." in asked(editor, version).content.decode()
    assert "tides.md" not in editor.get(f"{url(base)}&q=").content.decode()
    assert "tides.md" in admin_client.get(f"{url(base)}&q=TIDE").content.decode()
    assert "No ready document" in admin_client.get(f"{url(base)}&q=ebb").content.decode()


def test_previews_that_were_looked_at_long_ago_are_forgotten(admin_client: Client, version: DocumentVersion) -> None:
    asked(admin_client, version)
    assert not cut_previews_purge(turns.long())
    assert CutPreview.objects.exists()
    CutPreview.objects.update(created_at=Now() - timedelta(hours=2))
    assert not cut_previews_purge(turns.long())
    assert not CutPreview.objects.exists()
