"""A document's page: what it shows to whom, and what is done on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.documents.admin.addresses import document_url, place_url, version_span_url
from apps.documents.models import Chunk, Document, DocumentVersion, StageRecord, TextEdit, VersionStatus
from apps.documents.rights.access import access_scope
from apps.models.gateway import Deadline
from apps.monitoring.workspace.document import passages
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from ragsite.core.actors import Actor, Door
from ragsite.gateway.members import principal_of_user
from ragsite.gateway.models import Role
from tests import factories as make

pytestmark = pytest.mark.django_db
StaffOf = Callable[..., Client]
READY = "HX-Trigger-After-Settle"
PRICE = "A berth costs 31 euros a night, electricity included."


def page(client: Client, document: Document, query: str = "") -> Any:
    return client.get(f"{document_url(document)}?{query}")


def text(client: Client, document: Document, query: str = "") -> str:
    content: str = page(client, document, query).content.decode()
    return content


def do(client: Client, version: DocumentVersion, what: str, **said: Any) -> Any:
    return client.post(document_url(version.document), {"do": what, "version": version.number, **said})


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def asked(version: DocumentVersion, user: Any) -> None:
    """A question of the user's that the version answers."""
    base = version.document.knowledge_base
    ask(
        SearchRequest("What does a berth cost?", top_k=5),
        scope=access_scope(principal_of_user(user, tenant_id=base.tenant_id), knowledge_base_ids=[base.pk]),
        actor=Actor.of_user(user, door=Door.ADMIN),
        deadline=Deadline.after(60),
    )


def test_the_page_shows_how_it_came_about_what_it_says_and_what_can_be_done(admin_client: Client) -> None:
    version = make.ready_version(filename="tides.md", tags=["harbour"])
    shown = page(admin_client, version.document)
    told = shown.content.decode()
    assert [step.state for step in shown.context["steps"]] == ["done"] * 5
    assert [row.chunk.text for row in shown.context["passages"].rows] == list(
        Chunk.objects.order_by("ordinal").values_list("text", flat=True)
    )
    assert f'hx-get="{place_url(version)}?start=0&amp;end=' in told
    assert all(
        words in told for words in ("tides.md", "harbour", "Version 1", "No answer has cited it yet", "Nobody yet")
    )
    assert 'aria-current="page"' in told
    assert "every 2s" not in told
    place = admin_client.get(f"{place_url(version)}?start=0&end=16").content.decode()
    assert "Harbour handbook</mark>" in place
    file = admin_client.get(f"{document_url(version.document)}versions/1/file/")
    assert b"".join(file.streaming_content).decode().startswith(make.HANDBOOK)


def test_nobody_sees_the_page_of_a_document_that_is_not_for_them(staff_of: StaffOf) -> None:
    version = make.ready_version(restricted=True)
    document, tenant = version.document, version.document.tenant
    other = make.ready_version().document
    reader = client_of(make.member(tenant))
    paths = [document_url(document), f"{place_url(version)}?start=0&end=5", f"{document_url(document)}versions/1/file/"]
    for path in paths:
        assert reader.get(path).status_code == 404
        assert staff_of(tenant, "change_grant").get(path).status_code == 404
        assert client_of(make.member(other.tenant, Role.OWNER)).get(path).status_code == 404
    assert do(reader, version, "delete").status_code == 404
    mixed = document_url(document).replace(str(document.knowledge_base_id), str(other.knowledge_base_id))
    owner = client_of(make.member(tenant, Role.OWNER))
    make.grant(document, make.member(tenant))
    assert (owner.get(mixed).status_code, page(owner, other).status_code) == (404, 404)


def test_a_reader_reads_and_changes_nothing() -> None:
    version = make.ready_version()
    reader = client_of(make.member(version.document.tenant))
    told = text(reader, version.document)
    assert PRICE in told
    assert not any(one in told for one in ("data-edits=", "data-upload-url", 'value="delete"', "Who saw it", "Worker "))
    for what in ("edit", "leave_out", "add", "undo", "answer", "restrict", "lift", "delete", "retry", "cancel"):
        assert do(reader, version, what, start=0, end=5, text="x").status_code == 403
    assert do(reader, version, "nothing").status_code == 404
    assert (DocumentVersion.objects.count(), Document.objects.get().deleted_at) == (1, None)


def test_an_address_opens_it_at_a_span_of_a_version(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages, "PAGE_SIZE", 1)
    version = make.ready_version()
    start = version.parsed.text.index("42 berths")
    shown = admin_client.get(version_span_url(version, start=start, end=start + 9)).context["passages"]
    (row,) = shown.rows
    assert (row.is_chosen, shown.page, "42 berths" in row.chunk.text) == (True, 2, True)
    assert shown.first_place == f"{place_url(version)}?start={start}&end={start + 9}"
    assert page(admin_client, version.document, f"at={start}").context["passages"].page == 2
    assert page(admin_client, version.document, "version=2").status_code == 404


def test_passages_are_paged_and_searched(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages, "PAGE_SIZE", 2)
    version = make.ready_version()
    first = page(admin_client, version.document, "part=passages")
    assert ([row.number for row in first.context["passages"].rows], 'rel="next"' in first.content.decode()) == (
        [1, 2],
        True,
    )
    second = page(admin_client, version.document, "part=passages&page=2").context["passages"]
    assert ([row.number for row in second.rows], second.has_next) == ([3], False)
    found = page(admin_client, version.document, "part=passages&q=LIFE%20jackets").context["passages"]
    assert [row.number for row in found.rows] == [3]
    assert "No passage has “whale”" in text(admin_client, version.document, "part=passages&q=whale")
    assert page(admin_client, version.document, "page=0&start=9&end=2&version=x&q=%00").status_code == 200


def test_a_passage_is_edited_left_out_added_to_and_taken_back(admin_client: Client) -> None:
    first = make.ready_version()
    start = first.parsed.text.index(PRICE)
    answer = do(admin_client, first, "edit", start=start, end=start + len(PRICE), text=PRICE.replace("31", "35"))
    assert answer["Location"] == f"{document_url(first.document)}?at={start}"
    told = text(admin_client, first.document)
    assert "Version 2 is made of it" in told
    assert "every 2s" in told
    assert "data-edits=" not in told, "nothing is edited while a version is under way"
    assert READY not in page(admin_client, first.document, "part=live").headers
    make.run_stages()
    ended = page(admin_client, first.document, "part=live")
    assert (ended[READY], "every 2s" in ended.content.decode()) == ("document-ready", False)
    assert "Version 1, edited, with 1 edit" in ended.content.decode()
    second = DocumentVersion.objects.select_related("document").get(number=2)
    row = TextEdit.objects.get()
    assert (row.old_text, row.text) == ("31", "35"), "no more is replaced than the word that differs"
    do(admin_client, second, "add", start=start, end=start + len(PRICE), text="Showers are free.\r\nAlways.")
    make.run_stages()
    third = DocumentVersion.objects.select_related("document", "parsed").get(number=3)
    assert "electricity included.\n\nShowers are free.\nAlways.\n" in third.parsed.text
    do(admin_client, third, "leave_out", start=0, end=16)
    make.run_stages()
    fourth = DocumentVersion.objects.select_related("document", "parsed").get(number=4)
    assert not fourth.parsed.text.startswith("Harbour")
    assert "Take in again" in text(admin_client, first.document)
    do(admin_client, fourth, "undo", edit=fourth.edits.get(text="").pk)
    make.run_stages()
    assert DocumentVersion.objects.get(number=5).parsed.text == third.parsed.text
    do(admin_client, first, "leave_out", start=0, end=1)
    assert "is not the one that answers" in text(admin_client, first.document)


def test_versions_are_compared_word_by_word_and_gone_back_to(admin_client: Client) -> None:
    first = make.ready_version()
    start = first.parsed.text.index("31 euros")
    do(admin_client, first, "edit", start=start, end=start + 8, text="35 euros")
    make.run_stages()
    told = text(admin_client, first.document, "part=diff&old=1&new=2")
    assert "<del>31</del><ins>35</ins>" in told
    assert "say the same" in text(admin_client, first.document, "part=diff&old=1&new=1")
    assert "no such two versions" in text(admin_client, first.document, "part=diff&old=1&new=7")
    do(admin_client, first, "answer")
    assert Document.objects.get().current_version_id == first.pk
    looked_at = text(admin_client, first.document, "version=2")
    assert "Questions are answered from version 1" in looked_at
    assert "data-edits=" not in looked_at


def test_one_that_failed_says_why_and_is_mended(admin_client: Client) -> None:
    version = make.upload(make.knowledge_base(), make.BROKEN_PDF, filename="broken.pdf").version
    make.run_stages()
    shown = page(admin_client, version.document)
    told = shown.content.decode()
    assert [step.state for step in shown.context["steps"]] == ["done", "failed", "ahead", "ahead", "ahead"]
    assert "The file is damaged." in told
    assert "data-chooses" in told
    assert "they say what went wrong" in told
    version.refresh_from_db()
    do(admin_client, version, "retry")
    version.refresh_from_db()
    assert version.status == VersionStatus.UPLOADED
    assert [step.state for step in page(admin_client, version.document).context["steps"]][1] == "waiting"
    do(admin_client, version, "cancel")
    version.refresh_from_db()
    assert version.status == VersionStatus.CANCELLED


def test_it_is_restricted_and_deleted(admin_client: Client) -> None:
    version = make.ready_version()
    do(admin_client, version, "restrict")
    assert "Lift the restriction?" in text(admin_client, version.document)
    do(admin_client, version, "lift")
    assert not Document.objects.get().restricted
    assert do(admin_client, version, "delete")["Location"].endswith("/documents/")
    assert page(admin_client, version.document).status_code == 404


def test_who_asked_is_for_owners_and_the_question_for_who_asked_it(admin_client: Client) -> None:
    version = make.ready_version()
    base = version.document.knowledge_base
    ada, owner = make.member(base.tenant, name="ada"), make.member(base.tenant, Role.OWNER, name="olga")
    asked(version, ada)
    hers = text(client_of(ada), version.document)
    assert ("What does a berth cost?" in hers, "Who saw it" in hers) == (True, False)
    theirs = text(client_of(owner), version.document)
    assert ("What does a berth cost?" in theirs, "<td>ada" in theirs) == (False, True)
    assert "A question that only who asked it may see" in theirs
    stranger = text(client_of(make.member(base.tenant)), version.document)
    assert ("What does a berth cost?" in stranger, "ada" in stranger) == (False, False)
    assert "What does a berth cost?" in text(admin_client, version.document)


def test_it_takes_as_many_queries_for_much_as_for_little(admin_client: Client) -> None:
    version = make.ready_version()
    page(admin_client, version.document)
    with CaptureQueriesContext(connection) as little:
        page(admin_client, version.document)
    more = [DocumentVersion(**_like(version, number=number)) for number in range(2, 32)]
    DocumentVersion.objects.bulk_create(more)
    StageRecord.objects.bulk_create(StageRecord(version=one, stage="chunk", outcome="done") for one in more)
    chunk = Chunk.objects.filter(version=version).values().first()
    assert chunk
    Chunk.objects.bulk_create(Chunk(**{**chunk, "id": None, "ordinal": ordinal}) for ordinal in range(3, 33))
    asked(version, make.member(version.document.tenant))
    asked(version, make.member(version.document.tenant))
    with CaptureQueriesContext(connection) as much:
        shown = page(admin_client, version.document)
    assert (len(shown.context["passages"].rows), len(shown.context["history"])) == (33, 30)
    assert len(much) == len(little)
    assert "All versions" in shown.content.decode()


def _like(version: DocumentVersion, **other: Any) -> dict[str, Any]:
    names = ("tenant_id", "document_id", "filename", "document_type", "content_hash", "blob", "size", "status")
    return {name: getattr(version, name) for name in names} | {"rechunk_of_id": version.pk} | other
