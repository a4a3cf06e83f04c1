from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.documents.blobs import blob_path
from apps.documents.lifecycle.editing import document_edit
from apps.documents.lifecycle.edits import Edit
from apps.documents.models import Chunk, DocumentVersion, KnowledgeBase, PagePicture
from apps.documents.pictures.rows import DRAW
from ragsite.gateway.models import Role
from tests import factories as make
from tests.acting import ACTOR
from tests.pdfs import pdf_of, pdf_with_lost_page

pytestmark = pytest.mark.django_db

PAGES = ["The harbour has 42 berths.", "A berth costs 31 euros."], [], ["Life jackets must be worn."]


@pytest.fixture
def base() -> KnowledgeBase:
    return make.knowledge_base()


@pytest.fixture
def reader(base: KnowledgeBase) -> Client:
    return signed_in(make.member(base.tenant, Role.READER))


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def ready(base: KnowledgeBase, content: str | bytes, filename: str) -> DocumentVersion:
    return make.ready_version(base, content, filename=filename)


def address(version: DocumentVersion, name: str = "place", *more: int) -> str:
    where = [version.document.knowledge_base_id, version.document_id, version.number, *more]
    return reverse(f"workspace-document-{name}", args=where)


def shown(client: Client, version: DocumentVersion, **query: object) -> str:
    page = client.get(address(version), query)
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    return html.unescape(page.content.decode())


def draw_all() -> None:
    while make.work_once(DRAW):
        pass


def test_a_page_is_drawn_and_shown_with_its_span_marked(base: KnowledgeBase, reader: Client) -> None:
    version = ready(base, pdf_of(*PAGES), "harbour.pdf")
    span = Chunk.objects.get(version=version, place__number=3)
    waiting = shown(reader, version, start=span.start, end=span.end)
    assert "Page 3 of 3" in waiting
    assert 'hx-trigger="every 1s' in waiting
    assert "No worker is running" in waiting
    assert '<mark class="rag-cited">Life jackets must be worn.</mark>' in waiting
    draw_all()
    page = shown(reader, version, start=span.start, end=span.end)
    assert "hx-trigger" not in page
    assert page.count("<rect ") == 1
    assert re.search(r'alt="Page 3 of 3 of [^"]+ Its text stands below\."', page)
    picture = reader.get(address(version, "picture", 3))
    assert b"".join(picture.streaming_content)[8:12] == b"WEBP"
    assert picture["Content-Type"] == "image/webp"
    assert picture["X-Content-Type-Options"] == "nosniff"
    assert picture["Cache-Control"] == "private, max-age=600"
    assert "sandbox" in picture["Content-Security-Policy"]


def test_of_an_edited_text_the_page_has_the_marks_where_the_file_says_it(base: KnowledgeBase, reader: Client) -> None:
    version = ready(base, pdf_of(*PAGES), "harbour.pdf")
    edits = [Edit(0, 0, "Opened in 1904. ")]
    edited = document_edit(document=version.document, version=version, edits=edits, actor=ACTOR)
    make.run_stages()
    spans = [(16, 41), (0, 15)]
    text = edited.parsed.text
    assert [text[start:end] for start, end in spans] == ["The harbour has 42 berths", "Opened in 1904."]
    shown(reader, edited)
    draw_all()
    there, added = (shown(reader, edited, start=start, end=end) for start, end in spans)
    assert there.count("<rect ") == 1
    assert "was added by hand" not in there
    assert added.count("<rect ") == 0
    assert "was added by hand" in added
    assert PagePicture.objects.count() == 1


def test_pages_are_turned_from_the_first_which_is_shown_without_a_span(base: KnowledgeBase, reader: Client) -> None:
    version = ready(base, pdf_of(*PAGES), "harbour.pdf")
    for page in (1, 2, 3):
        shown(reader, version, page=page)
    draw_all()
    first = shown(reader, version)
    assert "Page 1 of 3" in first
    assert "page=2" in first
    assert "<rect" not in first
    assert "No words were found on this page" in shown(reader, version, page=2)
    assert "Page 3 of 3" in shown(reader, version, page=99)
    assert "Page 1 of 3" in shown(reader, version, page="x", start="-1", end="9" * 30)


def test_a_page_that_cannot_be_drawn_says_so_and_is_tried_again(base: KnowledgeBase, reader: Client) -> None:
    version = ready(base, pdf_with_lost_page(), "lost.pdf")
    shown(reader, version, page=2)
    draw_all()
    page = shown(reader, version, page=2)
    assert page.count("Page 2 is damaged, so it can't be drawn.") == 1
    assert "hx-post" in page
    assert reader.get(address(version, "picture", 2)).status_code == 404
    again = reader.post(f"{address(version)}?page=2")
    assert 'hx-trigger="every 1s' in again.content.decode()


def test_a_scan_shows_its_words_and_says_that_they_cannot_be_marked(base: KnowledgeBase, reader: Client) -> None:
    version = ready(base, pdf_of(*PAGES), "scan.pdf")
    shown(reader, version)
    draw_all()
    PagePicture.objects.update(boxes=b"")
    page = shown(reader, version, start=4, end=11)
    assert "This page is a scan" in page
    assert '<mark class="rag-cited">harbour</mark>' in page
    assert re.search(r"<details[^>]* open>", page)


def test_a_text_is_shown_around_the_span_with_its_headings_and_tables_and_nothing_of_it_runs(
    base: KnowledgeBase, reader: Client
) -> None:
    table = "\n".join(f"| B{row} | {row} euros |" for row in range(2, 900))
    hostile = "<script>alert(1)</script>"
    text = (
        f"# Harbour\n\n`{hostile}`\n\n## Prices\n\n| Berth | Price |\n| --- | --- |\n{table}\n\n## Safety\n\nJackets."
    )
    version = ready(base, text, "harbour.md")
    parsed = version.parsed.text
    begin = reader.get(address(version)).content.decode()
    assert hostile not in begin
    assert "&lt;script&gt;" in begin
    assert '<h3 class="rag-place-heading">Harbour</h3>' in begin
    assert '<th scope="col">Berth</th>' in begin
    at = parsed.index("B500")
    page = shown(reader, version, start=at, end=at + 4)
    assert '<mark class="rag-cited">B500</mark>' in page
    assert "place-earlier" in page
    rows, onwards = set(re.findall(r">B(\d+)", begin)), begin
    while found := re.search(r"onwards=(\d+)", onwards):
        onwards = shown(reader, version, start=at, end=at + 4, onwards=found[1])
        rows |= set(re.findall(r">(?:<mark[^>]*>)?B(\d+)", onwards))
    assert rows == {str(row) for row in range(2, 900)}, "reading on leaves nothing out"
    assert "Back to the passage" in onwards


def test_what_was_not_read_says_why(base: KnowledgeBase, reader: Client) -> None:
    version = make.upload(base, "%PDF-1.7 broken", filename="broken.pdf").version
    assert "has not been read yet" in shown(reader, version)
    make.run_stages()
    page = shown(reader, version)
    assert "This version was not read." in page
    assert "hx-trigger" not in page


def test_the_file_is_given_to_be_saved(base: KnowledgeBase, reader: Client) -> None:
    version = ready(base, "<script>alert(1)</script> words", "page.html")
    response = reader.get(address(version, "file"))
    assert b"".join(response.streaming_content) == b"<script>alert(1)</script> words"
    assert response["Content-Disposition"] == 'attachment; filename="page.html"'
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"
    blob_path(version.blob).unlink()
    gone = reader.get(address(version, "file"), headers={"Accept": "text/html"})
    assert gone.status_code == 422
    assert "The stored bytes are missing." in gone.content.decode()


def test_others_find_nothing_of_it(base: KnowledgeBase, reader: Client) -> None:
    open_one, closed = (ready(base, pdf_of([name]), f"{name}.pdf") for name in ("open", "closed"))
    for version in (open_one, closed):
        shown(reader, version)
    draw_all()
    closed.document.restricted = True
    closed.document.save(update_fields=["restricted"])
    stranger = signed_in(make.member(make.tenant(), Role.OWNER))
    names = (("place",), ("picture", 1), ("file",))
    assert [reader.get(address(open_one, *name)).status_code for name in names] == [200] * 3
    assert [reader.get(address(closed, *name)).status_code for name in names] == [404] * 3
    assert [stranger.get(address(open_one, *name)).status_code for name in names] == [404] * 3
    assert [Client().get(address(open_one, *name)).status_code for name in names] == [302] * 3
    elsewhere = make.knowledge_base(of=base.tenant)
    assert reader.get(address(open_one).replace(str(base.pk), str(elsewhere.pk))).status_code == 404


def test_a_place_costs_as_many_queries_in_a_long_document_as_in_a_short_one(
    base: KnowledgeBase, reader: Client
) -> None:
    counts = []
    for pages in (2, 60):
        version = ready(base, pdf_of(*[[f"Page {page} of {pages}."] for page in range(pages)]), f"{pages}.pdf")
        shown(reader, version)
        draw_all()
        with CaptureQueriesContext(connection) as queries:
            shown(reader, version, start=0, end=10)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 20
