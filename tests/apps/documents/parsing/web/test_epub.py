import pytest

from apps.documents.parsing.types import DocumentType

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'


def package(items, *, metadata="<dc:title>Ducks</dc:title><dc:creator>A. Drake</dc:creator>"):
    entries = "".join(f'<item id="i{at}" href="{href}" media-type="{kind}"/>' for at, (href, kind) in enumerate(items))
    spine = "".join(f'<itemref idref="i{at}"/>' for at in range(len(items)))
    return (
        f'<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>{metadata}</metadata>'
        f"<manifest>{entries}</manifest><spine>{spine}</spine></package>"
    )


@pytest.fixture
def book(make_zip):
    def make(pages, **more):
        items = [(name.replace(" ", "%20"), "application/xhtml+xml") for name in pages]
        members = {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OPS/book.opf": package(items),
        }
        return make_zip(members | {f"OPS/{name}": content for name, content in pages.items()} | more)

    return make


@pytest.fixture
def parse(parse_bytes, book):
    return lambda pages, **more: parse_bytes(DocumentType.EPUB, book(pages, **more))


def test_pages_come_in_reading_order_and_headings_go_on(parse, outline):
    document = parse({"z one.xhtml": "<h1>Duck</h1><p>A bird.</p>", "a.xhtml": "<h2>Food</h2><p>Leaves.</p>"})
    assert outline(document) == [(("Duck",), "Duck\n\nA bird."), (("Duck", "Food"), "Food\n\nLeaves.")]
    assert document.title == "Ducks"
    assert document.metadata == {"author": "A. Drake"}


def test_pages_may_declare_doctypes_and_encodings(parse):
    page = '<?xml version="1.0" encoding="windows-1251"?><!DOCTYPE html><html><body><p>Однажды</p></body></html>'
    assert parse({"a.xhtml": page.encode("cp1251")}).text == "Однажды"


def test_a_missing_page_is_counted_and_the_others_are_read(parse, book, parse_bytes, make_zip):
    items = [("a.xhtml", "application/xhtml+xml"), ("gone.xhtml", "application/xhtml+xml"), ("a.png", "image/png")]
    members = {"META-INF/container.xml": CONTAINER, "OPS/book.opf": package(items), "OPS/a.xhtml": "<p>here"}
    document = parse_bytes(DocumentType.EPUB, make_zip(members))
    assert document.text == "here"
    assert document.metadata["pages_missing"] == "1"


def encryption(uri):
    return f'<encryption><EncryptedData><CipherData><CipherReference URI="{uri}"/></CipherData></EncryptedData></encryption>'


def test_encrypted_fonts_do_no_harm_but_encrypted_pages_are_refused(parse, book, refused):
    pages = {"a.xhtml": "<p>here"}
    assert parse(pages, **{"META-INF/encryption.xml": encryption("OPS/font.otf")}).text == "here"
    data = book(pages, **{"META-INF/encryption.xml": encryption("OPS/a.xhtml")})
    assert refused(DocumentType.EPUB, data).error_code == "encrypted_file"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"a": "b"}, "damaged_file"),
        ({"META-INF/container.xml": CONTAINER}, "damaged_file"),
        ({"META-INF/container.xml": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'}, "unsafe_xml"),
        ({"META-INF/container.xml": CONTAINER, "OPS/book.opf": package([])}, "empty_text"),
    ],
)
def test_archives_that_hold_no_readable_book_are_refused(refused, make_zip, members, code):
    assert refused(DocumentType.EPUB, make_zip(members)).error_code == code


def test_a_book_of_too_many_pages_is_refused(refused, book):
    pages = {f"{at}.xhtml": "<p>x" for at in range(6)}
    assert refused(DocumentType.EPUB, book(pages), max_pages=5).error_code == "too_large"
