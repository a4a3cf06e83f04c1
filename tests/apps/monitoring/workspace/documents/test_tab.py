"""The list of documents: what is shown to whom, as it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.documents.models import Document, DocumentVersion, KnowledgeBase, VersionStatus
from apps.monitoring.workspace.documents import filters
from tests import factories as make

pytestmark = pytest.mark.django_db
StaffOf = Callable[..., Client]


def tab(base: KnowledgeBase, query: str = "") -> str:
    return f"/admin/knowledge-bases/{base.pk}/documents/?{query}"


def listed(client: Client, base: KnowledgeBase, query: str = "") -> list[str]:
    """The titles on the page, in their order."""
    return [row.document.title for row in client.get(tab(base, query)).context["listing"].rows]


def stands_at(version: DocumentVersion, status: VersionStatus, **fields: Any) -> None:
    DocumentVersion.objects.filter(pk=version.pk).update(status=status, **fields)


def test_a_document_is_shown_with_what_answers_its_chunks_and_its_tags(admin_client: Client) -> None:
    version = make.ready_version(filename="tides.md", tags=["harbour"])
    page = admin_client.get(tab(version.document.knowledge_base))
    (row,) = page.context["listing"].rows
    assert (row.state_words, row.answers, row.type_words, row.chunks) == ("Ready", "Version 1", "Markdown", 3)
    assert "?tag=harbour" in page.content.decode()
    assert "every 2s" not in page.content.decode()


def test_a_document_is_called_by_its_words_over_the_name_of_its_file_and_found_by_both(admin_client: Client) -> None:
    base = make.ready_version(filename="ADOBE_2022_10K.md").document.knowledge_base
    page = admin_client.get(tab(base)).content.decode()
    assert ">Adobe 2022 10K</a>" in page
    assert '<span class="rag-file-title">ADOBE_2022_10K.md</span>' in page
    assert 'aria-label="Choose Adobe 2022 10K"' in page
    for wanted in ("Adobe+2022+10K", "ADOBE_2022", "10k.md", "2022+adobe"):
        assert listed(admin_client, base, f"q={wanted}") == ["ADOBE_2022_10K.md"]
    assert listed(admin_client, base, "q=Adobe+2023") == []


def test_one_whose_name_says_nothing_is_found_by_the_title_that_its_file_tells(admin_client: Client) -> None:
    base = make.ready_version(filename="0001.md").document.knowledge_base
    assert ">Harbour handbook</a>" in admin_client.get(tab(base)).content.decode()
    assert listed(admin_client, base, "q=harbour+handbook") == ["0001.md"]


def test_the_name_of_a_file_stands_for_itself_where_it_says_all(admin_client: Client) -> None:
    base = make.ready_version(filename="README.md").document.knowledge_base
    page = admin_client.get(tab(base)).content.decode()
    assert ">README.md</a>" in page
    assert "rag-file-title" not in page


def test_signs_of_html_in_a_name_are_letters(admin_client: Client) -> None:
    base = make.ready_version(title="harbour_&_<b>rules.md").document.knowledge_base
    page = admin_client.get(tab(base)).content.decode()
    assert "harbour_&amp;_&lt;b&gt;rules.md</a>" in page
    Document.objects.update(title="harbour_&_rules.md")
    page = admin_client.get(tab(base)).content.decode()
    assert ">harbour &amp; rules</a>" in page
    assert '<span class="rag-file-title">harbour_&amp;_rules.md</span>' in page


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (VersionStatus.UPLOADED, "Uploaded, waiting to be read"),
        (VersionStatus.PARSED, "Read, waiting to be cut"),
        (VersionStatus.CHUNKED, "Cut, waiting to be embedded"),
        (VersionStatus.EMBEDDED, "Embedded, about to answer"),
    ],
)
def test_one_that_is_under_way_says_where_it_is_and_the_list_looks_again(
    admin_client: Client, status: VersionStatus, step: str
) -> None:
    version = make.upload(make.knowledge_base()).version
    stands_at(version, status)
    page = admin_client.get(tab(version.document.knowledge_base, "part=list&poll"))
    (row,) = page.context["listing"].rows
    assert (row.step, row.answers) == (step, "None yet")
    assert [stage.name for stage in row.stages if stage.is_last] == [step.partition(",")[0]]
    assert "every 2s" in page.content.decode()
    assert "workspace-head" not in page.content.decode()


def test_the_last_look_brings_the_head_as_it_is_then(admin_client: Client) -> None:
    base = make.ready_version().document.knowledge_base
    page = admin_client.get(tab(base, "part=list&poll")).content.decode()
    assert 'id="workspace-head" hx-swap-oob="true"' in page
    assert "<html" not in page


def test_a_newer_version_that_failed_or_is_under_way_leaves_the_older_one_answering(admin_client: Client) -> None:
    document = make.ready_version().document
    newer = make.upload(document.knowledge_base, document=document).version
    page = admin_client.get(tab(document.knowledge_base))
    assert page.context["listing"].rows[0].answers == "Version 1, until 2 is ready"
    stands_at(newer, VersionStatus.FAILED, error_code="encrypted_file", error="It has a password.")
    page = admin_client.get(tab(document.knowledge_base))
    assert page.context["listing"].rows[0].answers == "Version 1, as 2 is not ready"
    assert "The file is protected with a password." in page.content.decode()


def test_without_a_worker_the_list_says_that_nothing_is_read(admin_client: Client) -> None:
    base = make.upload(make.knowledge_base()).version.document.knowledge_base
    assert "No worker is running" in admin_client.get(tab(base)).context["listing"].held_up


def test_documents_are_filtered_and_ordered(admin_client: Client) -> None:
    base = make.knowledge_base()
    ready = make.ready_version(base, filename="b.md", tags=["old"]).document
    failed = make.upload(base, "Tide.", filename="a.txt").version
    stands_at(failed, VersionStatus.FAILED, error="Broken.")
    make.upload(base, "x", filename="c.txt")
    assert ready.title == "b.md"
    assert listed(admin_client, base) == ["c.txt", "a.txt", "b.md"]
    assert listed(admin_client, base, "order=name") == ["a.txt", "b.md", "c.txt"]
    assert listed(admin_client, base, "state=ready") == ["b.md"]
    assert listed(admin_client, base, "state=failed") == ["a.txt"]
    assert listed(admin_client, base, "state=under_way") == ["c.txt"]
    assert listed(admin_client, base, "type=txt") == ["c.txt", "a.txt"]
    assert listed(admin_client, base, "type=md") == ["b.md"]
    assert listed(admin_client, base, "tag=old") == ["b.md"]
    assert listed(admin_client, base, "q=A.T") == ["a.txt"]
    assert listed(admin_client, base, "state=nonsense&page=x&type=%00") == ["c.txt", "a.txt", "b.md"]


def test_a_page_leads_to_the_next_one_and_back(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    base = make.knowledge_base()
    for name in ("a.txt", "b.txt", "c.txt"):
        make.upload(base, name, filename=name)
    for module in ("filters", "listing"):
        monkeypatch.setattr(f"apps.monitoring.workspace.documents.{module}.PAGE_SIZE", 2)
    first = admin_client.get(tab(base))
    assert (first.context["listing"].has_next, "?page=2" in first.content.decode()) == (True, True)
    second = admin_client.get(tab(base, "page=2"))
    assert [row.document.title for row in second.context["listing"].rows] == ["a.txt"]
    assert "Documents 3 to 3" in second.content.decode()
    assert filters.PAGE_SIZE == 2


def test_an_empty_list_says_what_to_do(admin_client: Client, staff_of: StaffOf) -> None:
    base = make.knowledge_base()
    assert "Drop files here" in admin_client.get(tab(base)).content.decode()
    assert "No document fits these filters" in admin_client.get(tab(base, "q=x")).content.decode()
    reader = staff_of(base.tenant, "view_document").get(tab(base)).content.decode()
    assert "Ask who looks after this knowledge base" in reader
    assert "data-upload-url" not in reader


def test_what_a_member_may_not_read_is_not_listed_unless_documents_were_given_to_administer(staff_of: StaffOf) -> None:
    document = make.ready_version(restricted=True).document
    base = document.knowledge_base
    assert listed(staff_of(base.tenant), base) == []
    assert listed(staff_of(base.tenant, "view_document"), base) == [document.title]


def test_the_list_takes_as_many_queries_for_many_documents_as_for_one(admin_client: Client) -> None:
    base = make.knowledge_base()
    make.upload(base)
    admin_client.get(tab(base))
    with CaptureQueriesContext(
        connection,
    ) as one:
        admin_client.get(tab(base))
    for _ in range(3):
        make.upload(base, tags=["a"])
    with CaptureQueriesContext(connection) as several:
        admin_client.get(tab(base))
    assert Document.objects.count() == 4
    assert len(several) == len(one)
