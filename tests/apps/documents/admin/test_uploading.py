from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.documents.models import Document, KnowledgeBase

Told = Callable[[Any], list[str]]


def file(name: str, content: bytes = b"# Tides\n\nHigh water is at noon.\n") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def url(knowledge_base: KnowledgeBase) -> str:
    return f"/admin/documents/knowledgebase/{knowledge_base.pk}/upload/"


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


def test_the_same_bytes_again_are_told_to_be_unchanged(
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


def test_a_file_over_the_limit_is_a_message_and_nothing_is_kept(
    strict_client: Client, knowledge_base: KnowledgeBase, settings: Any, told: Told
) -> None:
    settings.RAGSITE_MAX_UPLOAD_BYTES = 1024 * 1024
    response: Any = strict_client.post(url(knowledge_base), {"uploads": [file("large.md", b"a" * (1024 * 1024 + 1))]})
    assert response.url == url(knowledge_base)
    assert told(response)[0].startswith("'large.md' is larger than the 1 MB one document may have.")
    assert not Document.objects.exists()


def test_too_many_files_at_once_are_a_message(
    strict_client: Client, knowledge_base: KnowledgeBase, settings: Any, told: Told
) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    response = strict_client.post(url(knowledge_base), {"uploads": [file(f"{n}.md") for n in range(3)]})
    assert told(response) == ["More than 2 files at once are not taken. Upload them in parts."]


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
def test_a_knowledge_base_that_is_none_is_not_found(admin_client: Client, wrong: str) -> None:
    assert admin_client.get(f"/admin/documents/knowledgebase/{wrong}/upload/").status_code == 404
