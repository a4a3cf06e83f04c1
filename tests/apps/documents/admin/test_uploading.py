from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

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


def test_the_button_of_a_knowledge_base_leads_to_its_documents(
    staff_client: Callable[..., Client], admin_client: Client, knowledge_base: KnowledgeBase
) -> None:
    response: Any = admin_client.get(url(knowledge_base))
    assert response.url == f"/admin/knowledge-bases/{knowledge_base.pk}/documents/"
    client = staff_client("view_knowledgebase")
    assert client.get(url(knowledge_base)).status_code == 403
    assert "Upload documents" not in client.get(url(knowledge_base).replace("upload", "change")).content.decode()


@pytest.mark.parametrize("token", [False, True])
def test_a_new_version_is_taken_with_its_token_only(
    strict_client: Client, knowledge_base: KnowledgeBase, token: bool
) -> None:
    document = factories.upload(knowledge_base).version.document
    strict_client.get(new_version_url(document))
    form = {"uploads": file("tides.md")}
    form |= {"csrfmiddlewaretoken": strict_client.cookies["csrftoken"].value} if token else {}
    assert strict_client.post(new_version_url(document), form).status_code == (302 if token else 403)
    assert DocumentVersion.objects.count() == (2 if token else 1)


def test_the_same_bytes_again_are_reported_as_unchanged(
    admin_client: Client, knowledge_base: KnowledgeBase, told: Told
) -> None:
    document = factories.upload(knowledge_base, "# Tides", filename="tides.md").version.document
    response = admin_client.post(new_version_url(document), {"uploads": file("copy.md", b"# Tides")})
    assert told(response) == ["copy.md: unchanged; these bytes are already in “tides.md”."]


@pytest.mark.parametrize("wrong", ["nonsense", "01234567-89ab-7def-8123-456789abcdef"])
def test_an_unknown_knowledge_base_is_not_found(admin_client: Client, wrong: str) -> None:
    assert admin_client.get(f"/admin/documents/knowledgebase/{wrong}/upload/").status_code == 404
