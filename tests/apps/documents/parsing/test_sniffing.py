import io
import subprocess
import sys
import zipfile

import pytest

from apps.documents.parsing.sniffing import safe_filename, sniff
from apps.documents.parsing.types import DocumentType
from ragsite.core.errors import PermanentError


@pytest.fixture
def sniffed(tmp_path):
    def sniff_data(name, data):
        path = tmp_path / "stored"
        path.write_bytes(data)
        return sniff(path, name)

    return sniff_data


def zip_bytes(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "document_type"),
    [
        ("a.txt", b"plain words", DocumentType.TEXT),
        ("a.log", b"\x1b[1mpump\x1b[0m started", DocumentType.TEXT),
        ("a.ics", b"\xef\xbb\xbfBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", DocumentType.CALENDAR),
        ("BMW.TXT", b"BMW makes cars", DocumentType.TEXT),
        ("a.txt", "größer".encode("utf-16"), DocumentType.TEXT),
        ("a.txt", "Однажды".encode("cp866"), DocumentType.TEXT),
        ("a.txt", ("é" * 40_000).encode()[:65_537], DocumentType.TEXT),
        ("a.markdown", b"# Duck", DocumentType.MARKDOWN),
        ("a.htm", b"\n<!doctype html><p>x", DocumentType.HTML),
        ("a.html", "<p>größer".encode("utf-16"), DocumentType.HTML),
        ("a.exe.pdf", b"%PDF-1.7\n", DocumentType.PDF),
        ("a.pdf", b"\n\xa0\xa4\x03%PDF-1.5\n", DocumentType.PDF),
        ("a.txt", "größer als eine Ente".encode("utf-16-le"), DocumentType.TEXT),
        ("a.csv", b"a;b\n", DocumentType.CSV),
        ("a.tsv", b"a\tb\n", DocumentType.CSV),
        ("a.json", b'\xef\xbb\xbf {"a": 1}', DocumentType.JSON),
        ("a.json", '[{"a": 1}]'.encode("utf-16"), DocumentType.JSON),
        ("a.ndjson", b'{"a": 1}\n{"a": 2}\n', DocumentType.JSONL),
        ("a.ipynb", b'\n{"cells": []}', DocumentType.NOTEBOOK),
        ("a.eml", b"Received: by x\r\nSubject: y\r\n\r\nz", DocumentType.EML),
        ("a.rtf", b"{\\rtf1 words}", DocumentType.RTF),
        ("a.py", b"import this", DocumentType.PYTHON),
        ("a.txt", b"The key hangs here.\r\n\x1a", DocumentType.TEXT),
        ("a.txt", b"pump started\n" + b"\0" * 5_000 + b"pump stopped, \x1b]0;x\x07 N\bN\n", DocumentType.TEXT),
        ("a.YAML", b"a: 1", DocumentType.CODE),
        ("a.xml", b"<a/>", DocumentType.CODE),
    ],
)
def test_a_file_whose_content_is_what_its_extension_says_has_that_type(sniffed, name, data, document_type):
    assert sniffed(name, data) is document_type


def test_a_word_document_is_known_by_what_is_in_its_archive(sniffed, make_docx):
    assert sniffed("a.docx", make_docx("<w:p/>")) is DocumentType.DOCX


ODF = "application/vnd.oasis.opendocument."


@pytest.mark.parametrize(
    ("extension", "members", "document_type"),
    [
        ("pptx", {"ppt/presentation.xml": "x"}, DocumentType.PPTX),
        ("xlsx", {"xl/workbook.xml": "x"}, DocumentType.XLSX),
        ("epub", {"META-INF/container.xml": "x"}, DocumentType.EPUB),
        ("odt", {"mimetype": f"{ODF}text"}, DocumentType.ODT),
        ("ods", {"mimetype": f"{ODF}spreadsheet\n"}, DocumentType.ODS),
        ("odp", {"mimetype": f"{ODF}presentation"}, DocumentType.ODP),
    ],
)
def test_each_kind_of_archive_has_its_type_and_no_other(sniffed, make_zip, extension, members, document_type):
    data = make_zip(members)
    assert sniffed(f"a.{extension}", data) is document_type
    for other in {"docx", "pptx", "xlsx", "epub", "odt", "ods", "odp"} - {extension}:
        with pytest.raises(PermanentError) as caught:
            sniffed(f"a.{other}", data)
        assert caught.value.error_code == "type_mismatch"
    with pytest.raises(PermanentError) as caught:
        sniffed(f"a.{extension}", b"%PDF-1.7\n")
    assert caught.value.error_code == "type_mismatch"


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.exe", b"MZ\x90\x00", "unknown_type"),
        ("a.pdf.exe", b"%PDF-1.7\n", "unknown_type"),
        ("a.pdf\x00.exe", b"%PDF-1.7\n", "unknown_type"),
        ("txt", b"words", "unknown_type"),
        ("a.doc", b"words", "unknown_type"),
        ("a.txt", b"", "empty_file"),
        ("a.docx", b"", "empty_file"),
        ("a.txt", b"MZ\x90\x00\x03\x00", "type_mismatch"),
        ("a.txt", zip_bytes("a"), "type_mismatch"),
        ("a.txt", b"%PDF-1.7 words", "type_mismatch"),
        ("a.md", b"{\\rtf1 words}", "type_mismatch"),
        ("a.md", b"words and \x00\x01\x02", "type_mismatch"),
        ("a.html", b"no markup at all", "type_mismatch"),
        ("a.html", b"\x89PNG\r\n\x1a\n\x00\x00<p>", "type_mismatch"),
        ("a.pdf", b"<html>%PDF-1.7", "type_mismatch"),
        ("a.pdf", zip_bytes("a") + b"%PDF-1.7", "type_mismatch"),
        ("a.pdf", b"x" * 40 + b"%PDF-1.7", "type_mismatch"),
        ("a.docx", zip_bytes("xl/workbook.xml"), "type_mismatch"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "type_mismatch"),
        ("a.docx", b"%PDF-1.7", "type_mismatch"),
        ("a.docx", b"PK\x03\x04" + bytes(40), "damaged_file"),
        ("a.docx", zip_bytes(*(f"word/{number}" for number in range(1_200))), "unsafe_archive"),
        ("a.odt", zip_bytes("mimetype"), "type_mismatch"),
        ("a.xlsx", b"words", "type_mismatch"),
        ("a.json", b"<html>", "type_mismatch"),
        ("a.jsonl", b"words", "type_mismatch"),
        ("a.ipynb", b"[]", "type_mismatch"),
        ("a.eml", b"This is not an e-mail.", "type_mismatch"),
        ("a.rtf", b"words", "type_mismatch"),
        ("a.csv", zip_bytes("a"), "type_mismatch"),
        ("a.py", b"\x00\x01", "type_mismatch"),
        ("a.zip", zip_bytes("a"), "unknown_type"),
        ("../..", b"words", "bad_filename"),
    ],
)
def test_anything_else_is_refused_with_what_to_do(sniffed, name, data, code):
    with pytest.raises(PermanentError) as caught:
        sniffed(name, data)
    assert caught.value.error_code == code
    assert caught.value.error_action


def test_a_refusal_says_what_was_seen_and_what_is_accepted(sniffed):
    with pytest.raises(PermanentError) as caught:
        sniffed("report.txt", b"MZ\x90\x00\x03\x00")
    assert "'report.txt'" in caught.value.message
    assert ".exe" in caught.value.message
    assert ".pdf, .docx" in caught.value.error_action


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/report.pdf", "report.pdf"),
        ("C:\\Users\\me\\report.pdf", "report.pdf"),
        ("re\x00po\nrt.pdf", "report.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("bericht größe 東京.md", "bericht größe 東京.md"),
        ("con.txt", "_con.txt"),
        ("COM1", "_COM1"),
        ("a.txt. . ", "a.txt"),
        ("x" * 500 + ".pdf", "x" * 196 + ".pdf"),
    ],
)
def test_file_names_are_made_safe_to_show(name, shown):
    assert safe_filename(name) == shown


@pytest.mark.parametrize("name", ["", "/", "..", "a/..", "\x00\x01", " . "])
def test_names_with_nothing_left_are_refused(name):
    with pytest.raises(PermanentError) as caught:
        safe_filename(name)
    assert caught.value.error_code == "bad_filename"


def test_the_web_process_can_sniff_without_any_parsing_library():
    heavy = "('torch', 'docling', 'lxml', 'charset_normalizer', 'pypdfium2', 'markdown_it', 'llama_index')"
    code = (
        "import sys, apps.documents.parsing.sniffing, apps.documents.parsing.registry;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "[]"
