from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.documents.admin import uploading
from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from tests import factories

Told = Callable[[Any], list[str]]


def file(name: str, content: bytes = b"# Tides\n\nHigh water is at noon.\n") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def url(knowledge_base: KnowledgeBase) -> str:
    return f"/admin/documents/knowledgebase/{knowledge_base.pk}/upload/"


def new_version_url(document: Document) -> str:
    return f"/admin/documents/document/{document.pk}/new_version/"


def archive(members: dict[str, str]) -> SimpleUploadedFile:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return file("archive.zip", packed.getvalue())


@pytest.fixture
def strict_client(admin_client: Client, admin_user: Any) -> Client:
    """A client that is held to CSRF tokens, as browsers are."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    return client


def test_a_message_for_each_file_says_what_became_of_it(
    admin_client: Client, knowledge_base: KnowledgeBase, told: Told
) -> None:
    files = [file("tides.md"), file("program.exe", b"MZ\x90\x00" + bytes(60))]
    response: Any = admin_client.post(url(knowledge_base), {"uploads": files})
    assert response.url == f"/admin/documents/document/?knowledge_base__id__exact={knowledge_base.pk}"
    good, bad = told(response)
    assert good.startswith("tides.md: accepted")
    assert bad.startswith("program.exe: The extension '.exe'")
    assert [document.title for document in Document.objects.all()] == ["tides.md"]


def test_a_message_for_each_member_of_a_zip_says_what_became_of_it(
    admin_client: Client, knowledge_base: KnowledgeBase, told: Told
) -> None:
    packed = archive({"tides/high.md": "# High", "tides/low.txt": "Low.", "run.exe": "MZ", "twin.md": "# High"})
    high, low, program, twin = told(admin_client.post(url(knowledge_base), {"uploads": [packed]}))
    assert high.startswith("archive.zip/tides/high.md: accepted")
    assert low.startswith("archive.zip/tides/low.txt: accepted")
    assert program.startswith("archive.zip/run.exe: The extension '.exe'")
    assert twin == "archive.zip/twin.md: unchanged; these bytes are already in 'high.md'."
    assert sorted(document.title for document in Document.objects.all()) == ["high.md", "low.txt"]


def test_an_invalid_zip_is_a_message(admin_client: Client, knowledge_base: KnowledgeBase, told: Told) -> None:
    (message,) = told(admin_client.post(url(knowledge_base), {"uploads": [file("archive.zip", b"no ZIP")]}))
    assert message.startswith("archive.zip: ")
    assert not Document.objects.exists()


def test_of_very_many_files_the_refused_are_listed_and_the_rest_is_counted(
    admin_client: Client, knowledge_base: KnowledgeBase, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "MOST_TOLD", 3)
    packed = archive({"a.txt": "A.", "b.txt": "B.", "run.exe": "MZ", "c.txt": "A."})
    refused, counted = told(admin_client.post(url(knowledge_base), {"uploads": [packed]}))
    assert refused.startswith("archive.zip/run.exe: ")
    assert counted == "In all 4 files: 2 created, 1 refused, 1 unchanged."


def test_a_new_version_is_uploaded_from_the_document_s_page(
    admin_client: Client, knowledge_base: KnowledgeBase, told: Told
) -> None:
    document = factories.ready_version(knowledge_base).document
    page = admin_client.get(new_version_url(document)).content.decode()
    assert "Version 1 keeps answering until the new one is ready." in page
    response: Any = admin_client.post(new_version_url(document), {"uploads": file("tides.md")})
    assert response.url == f"/admin/documents/document/{document.pk}/change/"
    assert told(response) == ["tides.md: accepted as version 2; it answers once it is ready."]
    factories.run_stages()
    document.refresh_from_db()
    assert document.current_version is not None
    assert (document.current_version.number, document.current_version.filename) == (2, "tides.md")


def test_what_cannot_be_a_new_version_is_a_message_and_nothing_is_kept(
    admin_client: Client, knowledge_base: KnowledgeBase, told: Told
) -> None:
    document = factories.upload(knowledge_base).version.document
    for wrong in (file("run.exe", b"MZ"), archive({"a.txt": "A."}), file("empty.md", b"")):
        response: Any = admin_client.post(new_version_url(document), {"uploads": wrong})
        assert response.url == new_version_url(document)
        assert told(response)[-1].startswith(f"{wrong.name}: ")
    assert "Choose a file." in admin_client.post(new_version_url(document), {"uploads": ""}).content.decode()
    assert DocumentVersion.objects.count() == 1


def test_the_same_bytes_again_are_reported_as_unchanged(
    admin_client: Client, knowledge_base: KnowledgeBase, told: Told
) -> None:
    admin_client.post(url(knowledge_base), {"uploads": [file("tides.md")]})
    response = admin_client.post(url(knowledge_base), {"uploads": [file("copy.md")]})
    assert told(response)[-1] == "copy.md: unchanged; these bytes are already in 'tides.md'."
    assert Document.objects.count() == 1


def test_when_nothing_was_taken_the_upload_page_is_shown_again(
    admin_client: Client, knowledge_base: KnowledgeBase, told: Told
) -> None:
    response: Any = admin_client.post(url(knowledge_base), {"uploads": [file("empty.md", b"")]})
    assert response.url == url(knowledge_base)
    assert told(response)[0].startswith("empty.md: ")
    assert not Document.objects.exists()


def test_no_file_is_an_error_on_the_form(admin_client: Client, knowledge_base: KnowledgeBase) -> None:
    response = admin_client.post(url(knowledge_base), {"uploads": ""})
    assert "Choose at least one file." in response.content.decode()


def test_a_new_version_over_the_limit_is_a_message_and_nothing_is_kept(
    strict_client: Client, knowledge_base: KnowledgeBase, settings: Any, told: Told
) -> None:
    document = factories.upload(knowledge_base).version.document
    settings.RAGSITE_MAX_UPLOAD_BYTES = 1024 * 1024
    response: Any = strict_client.post(
        new_version_url(document), {"uploads": file("large.md", b"a" * (1024 * 1024 + 1))}
    )
    assert response.url == new_version_url(document)
    assert told(response)[0].startswith("'large.md' is larger than the 1 MB one document may have.")
    assert DocumentVersion.objects.count() == 1


def test_a_file_over_the_limit_hinders_no_other(
    admin_client: Client, knowledge_base: KnowledgeBase, settings: Any, told: Told
) -> None:
    settings.RAGSITE_MAX_UPLOAD_BYTES = 1024 * 1024
    files = [file("large.md", b"a" * (1024 * 1024 + 1)), file("tides.md")]
    bad, good = told(admin_client.post(url(knowledge_base), {"uploads": files}))
    assert bad.startswith("large.md: 'large.md' is larger than the 1 MB")
    assert good.startswith("tides.md: accepted")
    assert Document.objects.count() == 1


def test_too_many_files_at_once_are_a_message(
    strict_client: Client, knowledge_base: KnowledgeBase, settings: Any, told: Told
) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    response = strict_client.post(url(knowledge_base), {"uploads": [file(f"{n}.md") for n in range(3)]})
    assert told(response) == ["More than 2 files at once are not accepted. Upload them in parts."]


def test_a_form_without_its_token_is_refused_and_nothing_is_kept(
    strict_client: Client, knowledge_base: KnowledgeBase
) -> None:
    assert strict_client.post(url(knowledge_base), {"uploads": [file("tides.md")]}).status_code == 403
    assert not Document.objects.exists()


def test_the_form_with_its_token_is_accepted(strict_client: Client, knowledge_base: KnowledgeBase) -> None:
    strict_client.get(url(knowledge_base))
    token = strict_client.cookies["csrftoken"].value
    form = {"uploads": [file("tides.md")], "csrfmiddlewaretoken": token}
    assert strict_client.post(url(knowledge_base), form).status_code == 302
    assert Document.objects.count() == 1


def test_staff_who_may_not_add_documents_are_refused(
    staff_client: Callable[..., Client], knowledge_base: KnowledgeBase
) -> None:
    client = staff_client("view_knowledgebase")
    assert client.post(url(knowledge_base), {"uploads": [file("tides.md")]}).status_code == 403
    assert "Upload documents" not in client.get(url(knowledge_base).replace("upload", "change")).content.decode()
    assert not Document.objects.exists()


@pytest.mark.parametrize("wrong", ["nonsense", "01234567-89ab-7def-8123-456789abcdef"])
def test_an_unknown_knowledge_base_is_not_found(admin_client: Client, wrong: str) -> None:
    assert admin_client.get(f"/admin/documents/knowledgebase/{wrong}/upload/").status_code == 404


def test_documents_are_restricted_from_their_first_moment_if_asked_for(
    admin_client: Client, knowledge_base: KnowledgeBase
) -> None:
    assert 'name="restricted"' in admin_client.get(url(knowledge_base)).content.decode()
    admin_client.post(url(knowledge_base), {"uploads": [file("tides.md")], "restricted": "on"})
    assert Document.objects.get().restricted


def test_who_may_not_give_grants_is_not_asked_and_not_heeded(
    staff_client: Callable[..., Client], knowledge_base: KnowledgeBase
) -> None:
    client = staff_client("view_knowledgebase", "change_knowledgebase", "add_document")
    assert 'name="restricted"' not in client.get(url(knowledge_base)).content.decode()
    client.post(url(knowledge_base), {"uploads": [file("tides.md")], "restricted": "on"})
    assert not Document.objects.get().restricted
