"""Uploads over HTTP."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.apps.documents.api.uploading import DOCUMENTS, blobs, counts, upload

pytestmark = pytest.mark.django_db

SAMPLES = Path(__file__).resolve().parents[4] / "samples"
BOUNDARY = "frontier"


def raw_upload(client: Client, base: KnowledgeBase, disposition: bytes, content: bytes = b"Some text.") -> Any:
    """A multipart body written by hand: a client library would mend the file's name."""
    parts = (
        b'Content-Disposition: form-data; name="knowledge_base"\r\n\r\n' + str(base.pk).encode(),
        b"Content-Disposition: form-data; " + disposition + b"\r\nContent-Type: text/plain\r\n\r\n" + content,
    )
    edge = f"--{BOUNDARY}".encode()
    body = b"".join(edge + b"\r\n" + part + b"\r\n" for part in parts) + edge + b"--\r\n"
    return client.generic("POST", DOCUMENTS, body, content_type=f"multipart/form-data; boundary={BOUNDARY}")


def assert_refused(response: Any, *, status: int, code: str) -> dict[str, Any]:
    """Refused for that reason, and nothing of it is left."""
    assert response.status_code == status, response.content
    problem: dict[str, Any] = response.json()
    assert problem["code"] == code
    assert counts() == (0, 0, 0, 0)
    return problem


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("visitor-handbook.md", "md"),
        ("weather-station.html", "html"),
        ("telescope-manual.pdf", "pdf"),
        ("safety-rules.docx", "docx"),
        ("night-log.txt", "txt"),
    ],
)
def test_each_format_is_accepted_and_its_version_can_be_watched_until_it_is_ready(
    client: Client, base: KnowledgeBase, name: str, kind: str
) -> None:
    content = (SAMPLES / name).read_bytes()
    response = upload(client, base, content, name)
    assert response.status_code == 202, response.content
    version = response.json()["version"]
    assert response.json()["outcome"] == "created"
    assert (version["status"], version["document_type"], version["size"]) == ("uploaded", kind, len(content))
    assert client.get(version["url"]).json()["status_text"] == "Uploaded, waiting to be parsed"
    make.run_stages()
    watched = client.get(version["url"]).json()
    assert watched["status"] == "ready", watched["error"]
    assert [(stage["stage"], stage["outcome"]) for stage in watched["stages"]] == [
        ("parse", "done"),
        ("chunk", "done"),
        ("embed", "done"),
        ("activate", "done"),
    ]
    current = client.get(f"{DOCUMENTS}{response.json()['document']}/").json()["current_version"]
    assert (current["id"], current["chunk_count"] > 0) == (version["id"], True)


def test_a_file_larger_than_the_memory_for_form_fields_is_taken(client: Client, base: KnowledgeBase) -> None:
    content = b"Words of a long text. " * 250_000
    assert len(content) > 2 * django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    response = upload(client, base, content)
    assert response.status_code == 202
    assert blobs()[0].read_bytes() == content


def test_an_upload_keeps_what_the_caller_says_about_it(client: Client, base: KnowledgeBase) -> None:
    metadata = {"author": "Hörvat", "pages": 3, "nested": {"tags": ["a", None, "漢字"], "backslash": "\\u0000"}}
    response = upload(client, base, title="The note", external_id="cms-7", metadata=json.dumps(metadata))
    document = client.get(f"{DOCUMENTS}{response.json()['document']}/").json()
    assert (document["title"], document["external_id"]) == ("The note", "cms-7")
    assert document["metadata"] == metadata
    assert document["knowledge_base"] == str(base.pk)


def test_a_document_says_what_people_call_it_and_its_title_stays_what_it_was_uploaded_as(
    client: Client, base: KnowledgeBase
) -> None:
    response = upload(client, base, "Some text.", "HARBOUR_RULES_2022.txt")
    document = client.get(f"{DOCUMENTS}{response.json()['document']}/").json()
    assert (document["title"], document["name"]) == ("HARBOUR_RULES_2022.txt", "Harbour Rules 2022")


def test_chunking_of_an_upload_is_the_document_s_own(client: Client, base: KnowledgeBase) -> None:
    assert upload(client, base, chunking='{"strategy": "tokens", "size": 64}').status_code == 202
    assert Document.objects.get().chunking == {"strategy": "tokens", "size": 64}


@pytest.mark.parametrize(
    ("chunking", "code", "told"),
    [
        ('{"size": 3}', "invalid_chunking", "The chunk size 3 is invalid."),
        ('{"overlap": 200}', "invalid_chunking", "The overlap 200 is invalid with a size of 220."),
        ('{"strategy": "magic"}', "invalid_chunking", "The chunking strategy 'magic' does not exist."),
        ('{"breadth": 1}', "invalid_chunking", "There is no chunking setting called 'breadth'."),
        ("[1]", "invalid_input", "chunking must be a JSON object."),
        ("size: 3", "invalid_input", "JSON"),
    ],
)
def test_invalid_chunking_is_refused_and_nothing_is_kept(
    client: Client, base: KnowledgeBase, chunking: str, code: str, told: str
) -> None:
    refused = upload(client, base, chunking=chunking)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert told in refused.content.decode()
    assert counts() == (0, 0, 0, 0)


def test_the_same_bytes_again_are_unchanged_and_nothing_new_is_stored(client: Client, base: KnowledgeBase) -> None:
    first = upload(client, base, "Same text.", "one.txt")
    before = counts()
    again = upload(client, base, "Same text.", "two.txt", title="Another title")
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    assert again.json()["version"]["id"] == first.json()["version"]["id"]
    assert counts() == before == (1, 1, 1, 1)


def test_the_same_bytes_in_another_knowledge_base_are_another_document(client: Client, base: KnowledgeBase) -> None:
    other = make.knowledge_base(of=base.tenant)
    assert upload(client, base, "Same text.").status_code == upload(client, other, "Same text.").status_code == 202
    assert counts() == (2, 2, 2, 2)


def test_new_bytes_for_a_known_external_id_are_a_new_version_and_the_old_one_answers_until_it_is_ready(
    client: Client, base: KnowledgeBase
) -> None:
    old = upload(client, base, "The gate opens at seven.", external_id="gate").json()
    make.run_stages()
    new = upload(client, base, "The gate opens at nine.", external_id="gate")
    assert (new.status_code, new.json()["outcome"]) == (202, "new_version")
    assert (new.json()["document"], new.json()["version"]["number"]) == (old["document"], 2)

    def current() -> tuple[str, list[str]]:
        found = client.post("/api/v1/search", {"query": "When does the gate open?"}, content_type="application/json")
        document = client.get(f"{DOCUMENTS}{old['document']}/").json()
        return document["current_version"]["id"], [passage["text"] for passage in found.json()["passages"]]

    for stage in ("parse", "chunk", "embed"):
        make.run_stages([stage])
        assert current() == (old["version"]["id"], ["The gate opens at seven."]), stage
    make.run_stages(["activate"])
    assert current() == (new.json()["version"]["id"], ["The gate opens at nine."])
    versions = client.get(f"{DOCUMENTS}{old['document']}/versions/").json()["results"]
    assert [version["number"] for version in versions] == [2, 1]
    assert list(OutboxEvent.objects.order_by("id").values_list("type", flat=True)) == [
        "document.created",
        "vector.indexed",
        "vector.indexed",
        "document.updated",
    ]


def test_a_new_version_can_be_sent_to_the_document_itself(client: Client, base: KnowledgeBase) -> None:
    document = upload(client, base, "First.").json()["document"]
    url = f"{DOCUMENTS}{document}/versions/"
    second = client.post(url, {"file": make.file("Second.")})
    assert (second.status_code, second.json()["version"]["number"]) == (202, 2)
    same = client.post(url, {"file": make.file("Second.")})
    assert (same.status_code, same.json()["outcome"]) == (200, "unchanged")
    assert counts() == (1, 2, 1, 2)


def test_bytes_that_another_document_holds_are_a_version_as_any_others(client: Client, base: KnowledgeBase) -> None:
    document = upload(client, base, "First.").json()["document"]
    upload(client, base, "Second.", title="The other")
    response = client.post(f"{DOCUMENTS}{document}/versions/", {"file": make.file("Second.")})
    assert (response.status_code, response.json()["outcome"]) == (202, "new_version")
    assert response.json()["document"] == document
    assert counts()[:2] == (2, 3)


@pytest.mark.django_db(transaction=True)
def test_parallel_uploads_of_the_same_bytes_make_one_document(base: KnowledgeBase) -> None:
    headers = make.headers(base.tenant)
    answers = make.in_parallel(8, lambda: upload(Client(headers=headers), base, "The same text."))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]
    assert len({answer.json()["version"]["id"] for answer in answers}) == 1
    assert counts() == (1, 1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_parallel_uploads_for_one_external_id_make_one_document_with_a_version_each(base: KnowledgeBase) -> None:
    headers = make.headers(base.tenant)
    upload(Client(headers=headers), base, "Number 0", external_id="same")
    numbers = iter(range(1, 9))
    answers = make.in_parallel(
        8, lambda: upload(Client(headers=headers), base, f"Number {next(numbers)}", external_id="same")
    )
    assert [answer.status_code for answer in answers] == [202] * 8
    assert counts() == (1, 9, 1, 9)
    assert sorted(DocumentVersion.objects.values_list("number", flat=True)) == list(range(1, 10))


@pytest.mark.django_db(transaction=True)
def test_parallel_first_uploads_for_one_external_id_make_one_document(base: KnowledgeBase) -> None:
    headers = make.headers(base.tenant)
    numbers = iter(range(1, 9))
    answers = make.in_parallel(
        8, lambda: upload(Client(headers=headers), base, f"Number {next(numbers)}", external_id="same")
    )
    accepted = [answer for answer in answers if answer.status_code == 202]
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert accepted
    assert counts() == (1, len(accepted), 1, len(accepted))


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("program.exe", b"MZ\x90\x00", "unknown_type"),
        ("noextension", b"text", "unknown_type"),
        ("table.xls", b"a,b", "unknown_type"),
        ("picture.png.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "type_mismatch"),
        ("empty.txt", b"", "empty_file"),
        ("empty.pdf", b"", "empty_file"),
        ("fake.pdf", b"<html><script>alert(1)</script></html>", "type_mismatch"),
        ("fake.docx", b"%PDF-1.4\n", "type_mismatch"),
        ("fake.md", b"%PDF-1.4\n", "type_mismatch"),
        ("fake.html", b"no tag in here", "type_mismatch"),
        ("broken.docx", b"PK\x03\x04 and nothing more", "damaged_file"),
    ],
)
def test_a_file_that_is_not_what_it_must_be_is_refused_with_its_reason(
    client: Client, base: KnowledgeBase, name: str, content: bytes, code: str
) -> None:
    problem = assert_refused(upload(client, base, content, name), status=422, code=code)
    assert len(problem["detail"]) > 20


@pytest.mark.parametrize(
    ("disposition", "kept_as"),
    [
        (b'name="file"; filename="../../etc/passwd.txt"', "passwd.txt"),
        (b'name="file"; filename="..\\..\\windows\\notes.txt"', "notes.txt"),
        (b'name="file"; filename="/etc/shadow.txt"', "shadow.txt"),
        (b'name="file"; filename="q\x00z.txt"', "qz.txt"),
        (b'name="file"; filename="con.txt"', "_con.txt"),
        (b"name=\"file\"; filename*=UTF-8''%2e%2e%2f%2e%2e%2fx.txt", "x.txt"),
        (b"name=\"file\"; filename*=UTF-8''%ff%fe.txt", "\ufffd\ufffd.txt"),
        ('name="file"; filename="gpj\u202etxt.txt"'.encode(), "gpjtxt.txt"),
        (b'name="file"; filename="' + b"x" * 800 + b'.txt"', "x" * 196 + ".txt"),
    ],
)
def test_a_files_name_is_for_display_only(
    client: Client, base: KnowledgeBase, disposition: bytes, kept_as: str
) -> None:
    response = raw_upload(client, base, disposition)
    assert response.status_code == 202, response.content
    assert response.json()["version"]["filename"] == kept_as
    (blob,) = blobs()
    assert blob.parent == Path(django_settings.RAGSITE_BLOB_DIR) / str(base.tenant_id)
    assert kept_as.partition(".")[0] not in blob.name


@pytest.mark.parametrize(
    ("disposition", "code"),
    [
        (b'name="file"; filename="../../etc/passwd"', "unknown_type"),
        (b'name="file"; filename="a.' + b"x" * 300 + b'"', "unknown_type"),
        (b'name="file"; filename="' + b"x" * 100_000 + b'.txt"', "invalid_input"),
        (b'name="file"; filename="..."', "bad_filename"),
        (b'name="file"; filename="/"', "invalid_input"),
        (b'name="file"; filename=""', "invalid_input"),
        (b'name="file"; filename="\x00"', "invalid_input"),
        (b'name="file"', "invalid_input"),
        (b'name="other"; filename="a.txt"', "invalid_input"),
    ],
)
def test_a_file_without_a_name_to_go_by_is_refused(
    client: Client, base: KnowledgeBase, disposition: bytes, code: str
) -> None:
    response = raw_upload(client, base, disposition)
    assert response.status_code in (400, 422), response.content
    assert_refused(response, status=response.status_code, code=response.json()["code"])
    assert response.json()["code"] in (code, "bad_request")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"metadata": "[1, 2]"}, "metadata"),
        ({"metadata": "7"}, "metadata"),
        ({"metadata": "null"}, "metadata"),
        ({"metadata": "{not json"}, "metadata"),
        ({"metadata": '{"a": NaN}'}, "metadata"),
        ({"metadata": '{"a": 1e999}'}, "metadata"),
        ({"metadata": '{"a": "x\\u0000y"}'}, "metadata"),
        ({"metadata": '{"\\u0000": 1}'}, "metadata"),
        ({"metadata": '{"a": ["\\ud800"]}'}, "metadata"),
        ({"metadata": '{"a": ' + "[" * 100_000 + "}"}, "metadata"),
        ({"metadata": '{"a": ' + "[" * 900 + "]" * 900 + "}"}, "metadata"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"external_id": "a\x00b"}, "external_id"),
        ({"external_id": "x" * 201}, "external_id"),
        ({"knowledge_base": "nonsense"}, "knowledge_base"),
        ({"knowledge_base": ""}, "knowledge_base"),
        ({"file": "no file"}, "file"),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named(
    client: Client, base: KnowledgeBase, fields: dict[str, Any], field: str
) -> None:
    problem = assert_refused(upload(client, base, **fields), status=422, code="invalid_input")
    assert {error["field"] for error in problem["errors"]} == {field}


@pytest.mark.parametrize("missing", ["file", "knowledge_base"])
def test_a_missing_field_is_named(client: Client, base: KnowledgeBase, missing: str) -> None:
    body = {"knowledge_base": str(base.pk), "file": make.file("Some text.")}
    del body[missing]
    problem = assert_refused(client.post(DOCUMENTS, body), status=422, code="invalid_input")
    assert [error["field"] for error in problem["errors"]] == [missing]


def test_a_knowledge_base_that_does_not_exist_is_404(client: Client, base: KnowledgeBase) -> None:
    unknown = "01890000-0000-7000-8000-000000000000"
    problem = assert_refused(upload(client, base, knowledge_base=unknown), status=404, code="not_found")
    assert unknown in problem["detail"]


def test_an_upload_over_the_limit_is_413(client: Client, base: KnowledgeBase, settings: Any) -> None:
    settings.RAGSITE_MAX_UPLOAD_BYTES = 200_000
    assert_refused(upload(client, base, b"x" * 200_001), status=413, code="upload_too_large")
    assert upload(client, base, b"x" * 200_000).status_code == 202


def test_a_form_with_endless_fields_is_refused(client: Client, base: KnowledgeBase) -> None:
    response = upload(client, base, **{f"field{number}": "x" for number in range(1001)})
    assert_refused(response, status=400, code="bad_request")


def test_a_form_that_is_cut_off_is_refused(client: Client, base: KnowledgeBase) -> None:
    response = client.generic("POST", DOCUMENTS, b"--frontier\r\nContent-", content_type="multipart/form-data")
    assert response.status_code in (400, 422)
    assert counts() == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        (errno.ENOSPC, 507, "storage_full"),
        (errno.EDQUOT, 507, "storage_full"),
        (errno.EIO, 503, "storage_failed"),
        (errno.EROFS, 503, "storage_failed"),
    ],
    ids=errno.errorcode.get,
)
def test_a_storage_that_cannot_take_the_bytes_leaves_nothing(
    client: Client, base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch, number: int, status: int, code: str
) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fails)
    assert_refused(upload(client, base), status=status, code=code)
    monkeypatch.undo()
    assert upload(client, base).status_code == 202


def test_a_full_disk_met_while_the_request_is_read_leaves_nothing(
    client: Client, base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("django.core.files.uploadhandler.TemporaryFileUploadHandler.receive_data_chunk", fails)
    assert_refused(upload(client, base), status=507, code="storage_full")
