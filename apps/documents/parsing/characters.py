"""From bytes to clean characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import charset_normalizer

from apps.documents.parsing.byte_order import marked_encoding, unmarked_utf16
from apps.documents.parsing.errors import DamagedFileError, TooLargeError
from apps.documents.parsing.guessing import CONVINCING, guess_encoding, likeness
from apps.documents.parsing.types import FileLimits

WIDEST_CHARACTER_BYTES = 4
REPLACEMENT = "\ufffd"
# So many letters outside ASCII for each wrong byte are no accident: the text is UTF-8, with some damage.
RIGHT_PER_WRONG = 20
# Encodings that switch between character sets by an escape character, and so pass for ASCII.
_ESCAPES = re.compile(rb"\x1b(?:\$[@B(]|\([BIJ])")
SWITCHING = "iso2022_jp_2"
SAMPLE_CHARACTERS = 100_000
# A guess must look so much better than the declared encoding.
MARGIN = 0.1
# What programs write when they declare a smaller encoding; browsers read these names so (WHATWG, Encoding Standard).
SUPERSETS = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "iso-8859-9": "cp1254",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc-kr": "cp949",
    "ks-c-5601-1987": "cp949",
    "tis-620": "cp874",
}

_ZEROS = re.compile(r"\0+")
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


def lines_of(text: str) -> Iterator[str]:
    """The lines with their ends, one after the other; only newlines and carriage returns end a line."""
    return (line[0] for line in _LINE.finditer(text))


def read_bytes(path: Path, limits: FileLimits) -> bytes:
    """The content of a text-like file; TooLargeError before reading one that must hold too many characters."""
    size = path.stat().st_size
    if size > limits.max_characters * WIDEST_CHARACTER_BYTES:
        raise TooLargeError(f"The file has {size:,} bytes, more than {limits.max_characters:,} characters can take.")
    return path.read_bytes()


def decode(data: bytes, *, declared: str = "") -> str:
    """The characters of `data`: by byte order mark or escapes, as UTF-8, as `declared`, or by the best guess, in this order.

    A declaration under which the text looks like no language gives way to a guess under which it does. A few bytes that
    are wrong in UTF-8 become replacement characters. DamagedFileError when no encoding fits.
    """
    text = (
        _decode_as(data, marked_encoding(data) or unmarked_utf16(data))
        or _decode_as(data, SWITCHING if _ESCAPES.search(data) else "")
        or _decode_as(data, "utf-8")
        or _decode_mostly_utf8(data)
        or _decode_as_declared(data, declared)
        or _decode_as_guessed(data)
    )
    return _without_fillings(text) if "\0" in text or "\x1a" in text else text


def _without_fillings(text: str) -> str:
    """The text without what fills the rest of a block on some disks: zeros, as after a power failure, and the DOS end of file."""
    return _ZEROS.sub("\n", text.rstrip("\x1a\0"))


def _decode_as_declared(data: bytes, declared: str) -> str | None:
    """The text, unless it looks like no language and clearly more like one when the encoding is guessed."""
    text = _decode_as(data, SUPERSETS.get(declared.lower().replace("_", "-"), declared))
    if text is None:
        return None
    rating = likeness(text[:SAMPLE_CHARACTERS])
    guessed = _decode_as(data, guess_encoding(data)) if rating < CONVINCING else None
    is_better = guessed is not None and likeness(guessed[:SAMPLE_CHARACTERS]) > rating + MARGIN
    return guessed if is_better else text


def _decode_as_guessed(data: bytes) -> str:
    text = _decode_as(data, guess_encoding(data))
    if text is not None:
        return text
    guess = charset_normalizer.from_bytes(data).best()
    if guess is None:
        raise DamagedFileError(
            "The file's characters are in no encoding that could be recognised.",
            action="Save the file as UTF-8 and upload it again.",
        )
    return str(guess)


def _decode_mostly_utf8(data: bytes) -> str | None:
    text = data.decode("utf-8", "replace")
    wrong = text.count(REPLACEMENT)
    right = sum(not character.isascii() for character in text) - wrong
    return text if wrong * RIGHT_PER_WRONG <= right else None


def _decode_as(data: bytes, encoding: str) -> str | None:
    if not encoding:
        return None
    try:
        return data.decode(encoding)
    # UnicodeDecodeError is a ValueError; so is a codec name with a NUL in it. Codecs that don't make text are lookups.
    except (ValueError, LookupError):
        return None
