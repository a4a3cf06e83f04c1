import pytest

from apps.documents.parsing.text.terminal import last_states, shown, without_code_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[38;5;196mred\x1b[0m\x1b[K", "red"),
        ("\x1b]8;;https://x.org\x1b\\link\x1b]8;;\x1b\\ after", "link after"),
        ("\x1b]0;title\x07words \x1b]1337;File=:AAAA\x07", "words "),
        ("\x1b(Bx\x1b)0y\x1b7z\x1b8", "xyz"),
        ("\x1bP1$r0m\x1b\\words", "words"),
        ("\x9b31mred\x9b0m \x9d0;title\x9cwords", "red words"),
        ("N\bNA\bA _\bm \b\b\b\b\b\b\n\bx", "\nx"),
        ("a \x1b[", "a "),
    ],
)
def test_codes_go_whole_and_words_stay(text, expected):
    assert shown(text) == expected


def test_of_a_line_that_is_drawn_again_the_last_state_stays():
    assert last_states("10%\r20%\rdone\n\rnext\r\n") == "done\nnext\r\n"


def test_8_bit_codes_are_no_letters_of_an_old_encoding():
    assert without_code_bytes("größe ".encode("cp1252") + b"\x9b1;31mred\x9b0m") == "größe red".encode("cp1252")
    assert without_code_bytes("›quoted‹".encode("cp1252")) == "›quoted‹".encode("cp1252")
