"""From bytes to clean characters."""

from __future__ import annotations

import re
from pathlib import Path

import charset_normalizer

from apps.documents.parsing.byte_order import marked_encoding
from apps.documents.parsing.errors import DamagedFileError, TooLargeError
from apps.documents.parsing.types import Limits

WIDEST_CHARACTER_BYTES = 4
REPLACEMENT = "\ufffd"
# So many letters outside ASCII for each wrong byte are no accident: the text is UTF-8, with some damage.
RIGHT_PER_WRONG = 20

_LINE_ENDS = re.compile(r"\r\n?|[\f\v\x85\u2028\u2029]")
_SPACES = re.compile(r"[\xa0\u2007\u202f]")
# Controls, lone surrogates, and characters that show nothing: the soft hyphen, zero-width spaces, the byte order mark
# and U+FFFE, which stands for a hyphen at the end of a line in text taken from a PDF. The zero-width joiners
# (U+200C, U+200D) stay: words of Persian and of several Indian languages are spelled with them.
_DROPPED = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u2060\ufeff\ufffe\uffff\ud800-\udfff]")


def clean(text: str) -> str:
    """The text with newline characters only, plain spaces, and no character that shows nothing.

    Letters are left as they are: there is no Unicode normalisation.
    """
    return _DROPPED.sub("", _SPACES.sub(" ", _LINE_ENDS.sub("\n", text)))


def read_bytes(path: Path, limits: Limits) -> bytes:
    """The content of a text-like file; TooLargeError before reading one that must hold too many characters."""
    size = path.stat().st_size
    if size > limits.max_characters * WIDEST_CHARACTER_BYTES:
        raise TooLargeError(f"The file has {size:,} bytes, more than {limits.max_characters:,} characters can take.")
    return path.read_bytes()


def decode(data: bytes, *, declared: str = "") -> str:
    """The characters of `data`: by byte order mark, as UTF-8, as `declared`, or by the best guess, in this order.

    A few bytes that are wrong in UTF-8 become replacement characters. DamagedFileError when no encoding fits.
    """
    return (
        _decode_as(data, marked_encoding(data))
        or _decode_as(data, "utf-8")
        or _decode_mostly_utf8(data)
        or _decode_as(data, declared)
        or _decode_as_guessed(data)
    )


def _decode_as_guessed(data: bytes) -> str:
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
