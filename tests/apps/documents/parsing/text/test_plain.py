import pytest

from apps.documents.parsing.types import DocumentType, Section
from ragsite.core.errors import PermanentError


def test_a_text_file_is_one_section(parse_bytes):
    document = parse_bytes(DocumentType.TEXT, "\ufeff  Größe\r\n\r\n\r\n\r\n10 m\x00\n".encode())
    assert document.text == "  Größe\n\n10 m"
    assert document.sections == (Section(0, len(document.text)),)


@pytest.mark.parametrize(("data", "code"), [(b" \n\t", "empty_text"), (b"x" * 401, "too_large")])
def test_text_files_that_cannot_be_used_are_refused(parse_bytes, data, code):
    with pytest.raises(PermanentError) as caught:
        parse_bytes(DocumentType.TEXT, data, max_characters=100)
    assert caught.value.error_code == code
    assert caught.value.error_action


def test_what_disks_and_terminals_leave_among_the_words_is_no_text(parse_bytes):
    data = b"\x1b[32mstarted\x1b[0m\x00\x00\x00stopped\r\n\x1a\x1a"
    assert parse_bytes(DocumentType.TEXT, data).text == "started\nstopped"
