"""Headers and names of attachments in words, whatever their sender took for the rules of encoding them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.policy import Compat32

from apps.documents.parsing.characters import SUPERSETS, decode
from apps.documents.parsing.errors import DamagedFileError
from apps.documents.parsing.guessing import CONVINCING, guess_encoding, likeness

LONGEST_HEADER = 10_000
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


@dataclass(frozen=True, slots=True)
class HeaderReader:
    """Reads the headers of a message; `likely` is the encoding of what in it names none."""

    likely: str

    @classmethod
    def of(cls, message: Message) -> HeaderReader:
        """A reader of this message and its parts, which mostly are in one encoding: the one that a part names, or a guess."""
        parts = list(message.walk())
        named = (part.get_content_charset("") for part in parts)
        charset = next((charset for charset in named if charset not in _SAYING_NOTHING), "")
        return cls(charset or guess_encoding(b"\n".join(_bytes_beyond_ascii(parts))))

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
        for declared in (charset.lower(), self.likely):
            text = "" if declared in _SAYING_NOTHING else _strictly(data, declared)
            if text and likeness(text) >= (CONVINCING_BYTES if declared.startswith(_OF_SEVERAL_BYTES) else CONVINCING):
                return text
        return _decode(data, charset)


def _strictly(data: bytes, charset: str) -> str:
    """The characters, where the data is UTF-8 or in the encoding; else ""."""
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
