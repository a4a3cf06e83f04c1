from __future__ import annotations

import pytest

from apps.documents.intake.addresses import web_address
from apps.documents.intake.fetched_names import filename_of
from apps.documents.parsing.errors import UnknownTypeError


@pytest.mark.parametrize(
    ("url", "content_type", "name"),
    [
        ("http://a.example/x/manual.pdf", "application/octet-stream", "manual.pdf"),
        ("http://a.example/manual.pdf?download=1", "", "manual.pdf"),
        ("http://a.example/", "text/html; charset=utf-8", "a.example.html"),
        ("http://a.example", "TEXT/HTML", "a.example.html"),
        ("http://a.example/page", "text/html", "page.html"),
        ("http://a.example/index.php", "text/html", "index.php.html"),
        ("http://a.example/notes", "text/plain", "notes.txt"),
        ("http://a.example/notes", "text/markdown", "notes.md"),
        ("http://a.example/b%C3%BCcher.txt", "", "bücher.txt"),
        ("http://readme.md/", "text/html", "readme.md.html"),
        ("http://a.example/folder/", "text/plain", "folder.txt"),
    ],
)
def test_a_document_is_called_by_its_address_and_typed_by_it_or_by_the_server(
    url: str, content_type: str, name: str
) -> None:
    assert filename_of(web_address(url, allowed_hosts=()), content_type=content_type) == name


@pytest.mark.parametrize("content_type", ["", "application/octet-stream", "image/png", "nonsense"])
def test_a_document_of_no_known_type_is_refused(content_type: str) -> None:
    with pytest.raises(UnknownTypeError, match="is not accepted"):
        filename_of(web_address("http://a.example/x.exe", allowed_hosts=()), content_type=content_type)
