"""Makes hostile and ordinary files for the parsers."""

import io
import zipfile

import pytest

from ragsite.core.errors import PermanentError

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def relations(*targets):
    """The relations r0, r1 and so on of a part: a kind and a target each; an address lies outside."""
    outside = ' TargetMode="External"'
    entries = "".join(
        f'<Relationship Id="r{number}" Type="{OFFICE}/{kind}" Target="{target}"{outside if ":" in target else ""}/>'
        for number, (kind, target) in enumerate(targets)
    )
    return f'<Relationships xmlns="{PACKAGE}">{entries}</Relationships>'


def word_xml(root, content, *, doctype="", namespace=WORD):
    return f'<?xml version="1.0"?>{doctype}<w:{root} xmlns:w="{namespace}">{content}</w:{root}>'


def docx_bytes(body, *, parts=None, related=(), doctype="", namespace=WORD, stored=False):
    """A Word document with this XML in its body; `parts` are further members, `related` what the body refers to."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("_rels/.rels", relations(("officeDocument", "word/document.xml")))
        document = word_xml("document", f"<w:body>{body}</w:body>", doctype=doctype, namespace=namespace)
        archive.writestr("word/document.xml", document)
        archive.writestr("word/_rels/document.xml.rels", relations(*related))
        for name, content in (parts or {}).items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zip_bytes(members):
    """An archive of these members: names and contents, in this order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def office_bytes(main, parts):
    """An Office Open XML package whose main part is called `main`; each part's relations are a list of targets."""
    members = {"[Content_Types].xml": "<Types/>", "_rels/.rels": relations(("officeDocument", main))}
    for name, content in parts.items():
        members[name] = relations(*content) if isinstance(content, list) else content
    return zip_bytes(members)


def pdf_bytes(stream, *, filters=0, pages=1):
    """A PDF whose pages all show the content stream `stream`, which is already packed `filters` times with zlib."""
    kids = b" ".join(b"%d 0 R" % (5 + number) for number in range(pages))
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, pages),
        b"<</Length %d/Filter[%s]>>stream\n%s\nendstream" % (len(stream), b"/FlateDecode" * filters, stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 3 0 R/Resources<</Font<</F 4 0 R>>>>>>"
    content, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies + [page] * pages, start=1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(offsets) + 1
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, len(content))
    return content + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer


@pytest.fixture
def make_docx():
    return docx_bytes


@pytest.fixture
def make_pdf():
    return pdf_bytes


@pytest.fixture
def make_zip():
    return zip_bytes


@pytest.fixture
def make_office():
    return office_bytes


@pytest.fixture
def make_word_xml():
    return word_xml


@pytest.fixture
def parse_bytes(tmp_path):
    """Parses `data` as a file of the type; gives the document."""
    from apps.documents.parsing.registry import parse
    from apps.documents.parsing.types import FileLimits

    def parse_data(document_type, data, **limits):
        path = tmp_path / f"file.{document_type}"
        path.write_bytes(data)
        return parse(path, document_type, FileLimits(**limits))

    return parse_data


@pytest.fixture
def refused(parse_bytes):
    """Parses `data`, which must be refused; gives the error."""

    def parse_refused(document_type, data, **limits):
        with pytest.raises(PermanentError) as caught:
            parse_bytes(document_type, data, **limits)
        assert caught.value.message.endswith(".")
        assert caught.value.error_action
        return caught.value

    return parse_refused


@pytest.fixture
def outline():
    """A document as (heading path, text) of each section."""

    def of(document):
        return [(section.heading_path, document.text[section.start : section.end]) for section in document.sections]

    return of
