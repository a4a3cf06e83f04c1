import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.documents.parsing.characters import decode, lines_of
from apps.documents.parsing.cleaning import clean
from ragsite.core.errors import PermanentError


@given(st.text(st.characters(exclude_categories=["Cc"]) | st.sampled_from("\t\n\r\f\0\x1a")))
def test_clean_text_keeps_every_letter_and_digit_but_those_of_codes_for_a_terminal(text):
    assert [character for character in clean(text) if character.isalnum()] == [
        character for character in text if character.isalnum()
    ]


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_clean_text_can_be_stored_and_has_one_kind_of_line_end(text):
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert "\x00" not in cleaned
    assert "\r" not in cleaned


def test_clean_text_joins_words_at_soft_hyphens_and_keeps_joiners_of_scripts():
    assert clean("op\xadtional, ef\ufffefect, 10\xa0km\r\nمی\u200cخواهم") == "optional, effect, 10 km\nمی\u200cخواهم"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marked_and_utf8_text_is_decoded_exactly(encoding):
    assert decode("Zażółć gęślą jaźń, 東京".encode(encoding)) == "Zażółć gęślą jaźń, 東京"


def test_the_declared_encoding_counts_where_the_bytes_are_not_utf8():
    assert decode("Übergröße".encode("iso-8859-1"), declared="iso-8859-1") == "Übergröße"


def test_a_wrong_byte_does_not_turn_a_whole_text_into_another_encoding():
    assert decode("東京は日本の首都です。".encode() * 3 + b"\xff.") == "東京は日本の首都です。" * 3 + "\ufffd."


@pytest.mark.parametrize("declared", ["", "no-such-code", "base64", "utf\x008"])
def test_an_encoding_nobody_names_is_guessed(declared):
    russian = "Однажды, в студеную зимнюю пору, я из лесу вышел; был сильный мороз. "
    assert decode((russian * 4).encode("cp866"), declared=declared) == russian * 4


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["größer als eine Ente", "東京は日本の首都です。 Tokyo 2024\n", "x"])
def test_utf16_without_a_mark_is_known_by_its_zero_bytes(text, encoding):
    assert decode(text.encode(encoding)) == text


def test_encodings_that_switch_by_escapes_are_not_taken_for_ascii():
    assert decode("名前と住所, Tokyo".encode("iso2022_jp")) == "名前と住所, Tokyo"
    assert decode(b"\x1b[1mbold\x1b[0m") == "\x1b[1mbold\x1b[0m"


def test_a_declaration_counts_only_where_the_text_looks_like_a_language_under_it():
    russian = "Однажды, в студеную зимнюю пору, я из лесу вышел."
    assert decode(russian.encode("cp1251"), declared="koi8-r") == russian
    assert decode(russian.encode("koi8-r"), declared="iso-8859-1") == russian
    assert decode("“déjà vu” – 5 €".encode("cp1252"), declared="ISO-8859-1") == "“déjà vu” – 5 €"
    assert decode(russian.upper().encode("cp1251"), declared="cp1251") == russian.upper()
    assert decode("①名前".encode("cp932"), declared="shift_jis") == "①名前"


def test_lines_keep_their_ends_and_only_newlines_end_them():
    assert list(lines_of("a\r\n\nb\x85c\u2028d\re")) == ["a\r\n", "\n", "b\x85c\u2028d\r", "e"]


def test_bytes_in_no_encoding_are_refused_with_what_to_do():
    with pytest.raises(PermanentError) as caught:
        decode(bytes(range(128, 256)) * 3 + b"\x00\x81\x00\xff")
    assert caught.value.error_code == "damaged_file"
    assert "UTF-8" in caught.value.error_action
