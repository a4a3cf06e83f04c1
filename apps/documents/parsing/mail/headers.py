"""Headers and names of attachments in words, whatever their sender took for the rules of encoding them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.policy import Compat32
from functools import cached_property

from apps.documents.parsing.characters import SUPERSETS, decode
from apps.documents.parsing.errors import DamagedFileError
from apps.documents.parsing.guessing import CONVINCING, guess_encoding, likeness
from apps.documents.parsing.names import likely_encoding

LONGEST_HEADER = 10_000
# What names in mail are in when nothing says it, and how many bytes are too few for a guess by their statistics.
UNSAID = ("gb18030", "cp932", "cp949", "big5", "cp1252", "cp1251", "koi8_r", "cp1250")
SHORT = 100
_SAYING_NOTHING = frozenset(
    {"", "ascii", "us-ascii", "utf-8", "utf8", "unknown-8bit", "x-unknown", "unknown", "default"}
)
# In these few bytes mean anything at all, so that a name that is rare but possible is enough.
_OF_SEVERAL_BYTES = ("gb", "big5", "euc", "shift", "sjis", "cp932", "cp949", "ks_c", "iso-2022")
_OF_ASCII_BYTES = ("iso-2022", "iso2022", "utf-7", "hz")
CONVINCING_BYTES = 0.2
_SURROGATE = re.compile("[\ud800-\udfff]")


class RawHeaders(Compat32):
    """Gives headers as they came, bytes beyond ASCII as surrogates, instead of with signs for what is lost."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value


class HeaderReader:
    """Reads the headers of a message. What names no encoding is taken to be in that of the rest."""

    def __init__(self, message: Message) -> None:
        self._message = message

    @cached_property
    def _likely(self) -> str:
        """The encoding that a part of the message names, else a guess by all of its headers."""
        parts = list(self._message.walk())
        named = (part.get_content_charset("") for part in parts)
        charset = next((charset for charset in named if charset not in _SAYING_NOTHING), "")
        return charset or _guess(b"\n".join(_bytes_beyond_ascii(parts)))

    def header(self, message: Message, name: str) -> str:
        """The header's value, decoded; "" without one."""
        raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
        return self._words(str(raw)[:LONGEST_HEADER])

    def filename(self, part: Message) -> str:
        """The name that the part gives its file, decoded (RFC 2231, RFC 2047, or bytes as they are); "" without one."""
        value = part.get_param("filename", header="content-disposition") or part.get_param("name")
        if isinstance(value, tuple):
            charset, _, text = value
            return self._words(self._decoded(text.encode("raw-unicode-escape", "replace"), charset or ""))
        return self._words(str(value)[:LONGEST_HEADER]) if value else ""

    def _words(self, raw: str) -> str:
        is_text = raw.isascii() or not _SURROGATE.search(raw)
        text = raw if is_text else self._decoded(raw.encode("utf-8", "surrogateescape"), "")
        if "=?" not in text:
            return " ".join(text.split())
        try:
            words = decode_header(text)
        except HeaderParseError:
            return " ".join(text.split())
        return " ".join("".join(self._word(word, charset) for word, charset in words).split())

    def _word(self, word: bytes | str, charset: str | None) -> str:
        if isinstance(word, str):
            return word
        # What is not encoded comes as bytes of this kind when other words are.
        return self._decoded(word, charset) if charset else word.decode("raw-unicode-escape", "replace")

    def _decoded(self, data: bytes, charset: str) -> str:
        """The characters in the encoding that is named, else in the likely one, if they look like a language in it."""
        if not charset and _is_utf8(data):
            return data.decode("utf-8")
        text = _fitting(data, charset.lower()) or _fitting(data, self._likely)
        return text or _decode(data, _guess(data) if charset.lower() in _SAYING_NOTHING else charset)


def _guess(data: bytes) -> str:
    """The likely encoding of headers that name none; "" for nothing beyond ASCII, or where nothing is likely."""
    if data.isascii():
        return ""
    is_short = sum(byte > 0x7F for byte in data) <= SHORT
    return likely_encoding(data, UNSAID) if is_short else guess_encoding(data)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _fitting(data: bytes, charset: str) -> str:
    """The characters in the encoding; "" where they look like no language in it."""
    text = _strictly(data, charset)
    least = CONVINCING_BYTES if charset.startswith(_OF_SEVERAL_BYTES) else CONVINCING
    return text if text and likeness(text) >= least else ""


def _strictly(data: bytes, charset: str) -> str:
    """The characters, where the data is UTF-8 or in the encoding; else "", as where the encoding says nothing."""
    if charset in _SAYING_NOTHING:
        return ""
    named = SUPERSETS.get(charset.replace("_", "-"), charset)
    for encoding in (named, "utf-8") if named.startswith(_OF_ASCII_BYTES) else ("utf-8", named):
        try:
            return data.decode(encoding)
        # UnicodeDecodeError is a ValueError.
        except (ValueError, LookupError):
            continue
    return ""


def _decode(data: bytes, charset: str) -> str:
    try:
        return decode(data, declared=charset)
    except DamagedFileError:
        return data.decode("latin-1")


def _bytes_beyond_ascii(parts: list[Message]) -> Iterator[bytes]:
    for part in parts:
        yield from (
            str(value).encode("utf-8", "surrogateescape") for _, value in part.raw_items() if not str(value).isascii()
        )
