"""Files that are dropped on the tab: each is taken or refused by itself, and a line says why."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.monitoring.workspace.documents import uploads
from ragsite.gateway.models import Role
from tests import factories as make

pytestmark = pytest.mark.django_db
StaffOf = Callable[..., Client]
PROGRAM = b"MZ\x90\x00" + bytes(60)


def url(base: KnowledgeBase, document: Any = None) -> str:
    return f"/admin/knowledge-bases/{base.pk}/documents/upload/" + (f"?document={document}" if document else "")


def file(name: str, content: bytes = b"# Tides\n\nHigh water is at noon.\n") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def archive(members: dict[str, str]) -> SimpleUploadedFile:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return file("archive.zip", packed.getvalue())


def sent(client: Client, base: KnowledgeBase, *files: SimpleUploadedFile, **said: Any) -> Any:
    return client.post(url(base), {"uploads": list(files), **said})


def numbers(response: Any) -> tuple[int, int, int]:
    """Taken, unchanged and refused, as the page adds them up."""
    context = response.context
    return context["taken_total"], context["unchanged_total"], context["refused_total"]


@pytest.fixture
def base(db: None) -> KnowledgeBase:
    return make.knowledge_base()


@pytest.fixture
def strict_client(admin_client: Client, admin_user: Any) -> Client:
    """A client that is held to CSRF tokens, as browsers are."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    return client


def test_a_file_becomes_a_document_and_the_line_leads_to_it(admin_client: Client, base: KnowledgeBase) -> None:
    response = sent(admin_client, base, file("tides.md"))
    document = Document.objects.get()
    assert (document.title, numbers(response)) == ("tides.md", (1, 0, 0))
    page = response.content.decode()
    assert "Uploaded. It answers once it is ready." in page
    assert f'/documents/{document.pk}/"' in page


def test_a_type_that_is_not_read_is_refused_without_a_list_of_all_types(
    admin_client: Client, base: KnowledgeBase
) -> None:
    response = sent(admin_client, base, file("program.exe", PROGRAM))
    page = response.content.decode()
    assert "This type is not read." in page
    assert 'data-opens="documents-kinds"' in page
    assert ".docx" not in page
    assert not Document.objects.exists()


def test_what_is_wrong_with_a_file_is_said_with_what_to_do(admin_client: Client, base: KnowledgeBase) -> None:
    assert "save it again in the program" in sent(admin_client, base, file("empty.md", b"")).content.decode()
    mismatch = sent(admin_client, base, file("tides.pdf")).content.decode()
    assert "does not begin as a PDF does" in mismatch
    assert ".docx" not in mismatch
    assert not Document.objects.exists()


def test_of_a_zip_the_members_are_counted_and_the_refused_ones_named(
    admin_client: Client, base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_TOLD", 1)
    members = {"tides/high.md": "# High", "low.txt": "Low.", "run.exe": "MZ", "set.exe": "MZ", "twin.md": "# High"}
    response = sent(admin_client, base, archive(members))
    assert numbers(response) == (2, 1, 2)
    page = response.content.decode()
    assert "2 uploaded, 1 already here, 2 refused." in page
    assert "archive.zip/run.exe: This type is not read." in page
    assert "And 1 more." in page
    assert sorted(document.title for document in Document.objects.all()) == ["high.md", "low.txt"]


def test_an_invalid_zip_is_refused(admin_client: Client, base: KnowledgeBase) -> None:
    assert numbers(sent(admin_client, base, file("archive.zip", b"no ZIP"))) == (0, 0, 1)
    assert not Document.objects.exists()


def test_the_same_bytes_again_are_already_here(admin_client: Client, base: KnowledgeBase) -> None:
    sent(admin_client, base, file("tides.md"))
    response = sent(admin_client, base, file("copy.md"))
    assert "Already here: “tides.md” has the same contents." in response.content.decode()
    assert (numbers(response), Document.objects.count()) == ((0, 1, 0), 1)


def test_no_file_is_refused(admin_client: Client, base: KnowledgeBase) -> None:
    response = admin_client.post(url(base), {"uploads": ""})
    assert "Choose at least one file." in response.content.decode()
    assert numbers(response) == (0, 0, 1)
    assert admin_client.get(url(base)).status_code == 405


def test_a_file_over_the_limit_hinders_no_other(admin_client: Client, base: KnowledgeBase, settings: Any) -> None:
    settings.RAGSITE_MAX_UPLOAD_BYTES = 1024 * 1024
    response = sent(admin_client, base, file("large.md", b"a" * (1024 * 1024 + 1)), file("tides.md"))
    assert "is larger than the 1 MB" in response.content.decode()
    assert (numbers(response), Document.objects.count()) == ((1, 0, 1), 1)


def test_too_many_files_at_once_are_refused(strict_client: Client, base: KnowledgeBase, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    strict_client.get(f"/admin/knowledge-bases/{base.pk}/documents/")
    token = {"X-CSRFToken": strict_client.cookies["csrftoken"].value}
    three = {"uploads": [file(f"{n}.md") for n in range(3)]}
    response = strict_client.post(url(base), three, headers=token)
    assert "More than 2 files at once are not accepted." in response.content.decode()
    assert not Document.objects.exists()


def test_a_request_is_taken_with_its_token_only(strict_client: Client, base: KnowledgeBase) -> None:
    assert sent(strict_client, base, file("tides.md")).status_code == 403
    assert not Document.objects.exists()
    strict_client.get(f"/admin/knowledge-bases/{base.pk}/documents/")
    token = {"X-CSRFToken": strict_client.cookies["csrftoken"].value}
    assert strict_client.post(url(base), {"uploads": [file("tides.md")]}, headers=token).status_code == 200
    assert Document.objects.count() == 1


def test_staff_who_may_not_add_documents_are_refused(staff_of: StaffOf, base: KnowledgeBase) -> None:
    assert sent(staff_of(base.tenant, "view_document"), base, file("tides.md")).status_code == 403
    assert not Document.objects.exists()


def test_documents_are_restricted_from_their_first_moment_if_asked_for(
    admin_client: Client, base: KnowledgeBase
) -> None:
    assert "documents-restricted" in admin_client.get(f"/admin/knowledge-bases/{base.pk}/documents/").content.decode()
    sent(admin_client, base, file("tides.md"), restricted="on")
    assert Document.objects.get().restricted


def test_who_may_not_give_grants_is_not_asked_and_not_heeded(staff_of: StaffOf, base: KnowledgeBase) -> None:
    client = staff_of(base.tenant, "view_document", "add_document")
    assert "documents-restricted" not in client.get(f"/admin/knowledge-bases/{base.pk}/documents/").content.decode()
    sent(client, base, file("tides.md"), restricted="on")
    assert not Document.objects.get().restricted


def test_a_new_version_is_taken_for_a_document(admin_client: Client, base: KnowledgeBase) -> None:
    document = make.upload(base).version.document
    response = admin_client.post(url(base, document.pk), {"uploads": file("tides.md")})
    assert "Uploaded as version 2." in response.content.decode()
    assert [version.number for version in document.versions.order_by("number")] == [1, 2]
    assert "Choose a file." in admin_client.post(url(base, document.pk), {"uploads": ""}).content.decode()


def test_no_new_version_is_taken_of_what_the_user_may_not_read_or_change(
    staff_of: StaffOf, base: KnowledgeBase
) -> None:
    hidden = make.upload(base, restricted=True).version.document
    other = make.upload(make.knowledge_base()).version.document
    changes = Client()
    changes.force_login(make.member(base.tenant, Role.EDITOR))
    for wrong in (hidden.pk, other.pk, "nonsense"):
        assert changes.post(url(base, wrong), {"uploads": file("tides.md")}).status_code == 404
    only_adds = staff_of(base.tenant, "view_document", "add_document")
    open_one = make.upload(base).version.document
    assert only_adds.post(url(base, open_one.pk), {"uploads": file("tides.md")}).status_code == 403
    assert DocumentVersion.objects.count() == 3


def test_a_folder_that_is_dropped_again_brings_new_versions_of_what_changed(
    admin_client: Client, base: KnowledgeBase
) -> None:
    first = sent(admin_client, base, file("tides.md"), path="harbour/tides.md")
    assert numbers(first) == (1, 0, 0)
    assert numbers(sent(admin_client, base, file("tides.md"), path="harbour/tides.md")) == (0, 1, 0)
    changed = file("tides.md", b"# Tides\n\nHigh water is at ten.\n")
    assert "Uploaded as version 2" in sent(admin_client, base, changed, path="harbour/tides.md").content.decode()
    document = Document.objects.get()
    assert (document.title, document.external_id) == ("tides.md", "harbour/tides.md")
    tab = f"/admin/knowledge-bases/{base.pk}/documents/"
    assert "folder=harbour" in admin_client.get(tab).content.decode()
    assert str(document.pk) in admin_client.get(f"{tab}?folder=harbour").content.decode()
    assert str(document.pk) not in admin_client.get(f"{tab}?folder=harb").content.decode()


def test_other_contents_under_a_name_that_is_known_are_asked_about_first(
    admin_client: Client, base: KnowledgeBase
) -> None:
    sent(admin_client, base, file("tides.md"), asks="on")
    document = Document.objects.get()
    assert numbers(sent(admin_client, base, file("tides.md"), asks="on")) == (0, 1, 0)
    changed = b"# Tides\n\nHigh water is at ten.\n"
    response = sent(admin_client, base, file("tides.md", changed), asks="on")
    assert numbers(response) == (0, 0, 0)
    assert f'data-sends-as="{document.pk}"' in response.content.decode()
    assert DocumentVersion.objects.count() == 1
    assert numbers(sent(admin_client, base, file("tides.md", changed))) == (1, 0, 0)
    assert Document.objects.count() == 2
