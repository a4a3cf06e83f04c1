"""E-mail messages as they are sent (RFC 5322 and MIME)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from pathlib import Path

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.characters import decode, read_bytes
from apps.documents.parsing.errors import TooDeepError, TooLargeError
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument
from apps.documents.parsing.web.html import declared_encoding
from apps.documents.parsing.web.html_text import write_html

SHOWN_HEADERS = ("From", "To", "Cc", "Date")
LONGEST_HEADER = 10_000
MOST_LISTED = 20
DEEPEST_PART = 50
MOST_PARTS = 1_000
# Each line is held against the boundary of every part it may end.
MOST_COMPARISONS = 20_000_000
_PART = re.compile(rb"^content-type[ \t]*:", re.IGNORECASE | re.MULTILINE)
_HOLDER = re.compile(rb"^content-type[ \t]*:[ \t\r\n]*(?:multipart|message)/", re.IGNORECASE | re.MULTILINE)


class EmailParser:
    """Takes the headers that a reader sees and the message's text; attachments are only named."""

    name = "eml"
    types = frozenset({DocumentType.EML})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The message under its subject; raises DamagedFileError, TooDeepError, EmptyTextError and TooLargeError."""
        message = _message(read_bytes(path, limits))
        builder = DocumentBuilder(limits)
        subject = _header(message, "Subject")
        builder.heading(1, subject)
        for name in SHOWN_HEADERS:
            value = _header(message, name)
            if value:
                builder.line(f"{name}: {value}")
        for part in _shown_parts(message):
            _write_part(part, builder)
        return builder.finish(title=subject, metadata=_metadata(message))


def _message(data: bytes) -> Message:
    parts = len(_PART.findall(data))
    holders = len(_HOLDER.findall(data))
    if parts > MOST_PARTS or (holders + 1) * data.count(b"\n") > MOST_COMPARISONS:
        raise TooLargeError(
            f"The message has {parts:,} parts; the most that is read is {MOST_PARTS:,}, of a long one less."
        )
    try:
        message = BytesParser(policy=compat32).parsebytes(data)
    except RecursionError as error:
        raise _too_deep() from error
    _check_depth(message)
    return message


def _check_depth(message: Message) -> None:
    layer = [message]
    for _ in range(DEEPEST_PART):
        layer = [inner for part in layer for inner in _inner(part)]
        if not layer:
            return
    raise _too_deep()


def _too_deep() -> TooDeepError:
    return TooDeepError(f"The message has parts inside one another, more than {DEEPEST_PART} deep.")


def _inner(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [inner for inner in payload if isinstance(inner, Message)] if isinstance(payload, list) else []


def _header(message: Message, name: str) -> str:
    """The header's value, decoded; "" without one."""
    raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
    text = str(raw)[:LONGEST_HEADER]
    if not text.isascii():
        return " ".join(decode(text.encode("ascii", "surrogateescape")).split())
    try:
        words = decode_header(text)
    except HeaderParseError:
        return " ".join(text.split())
    return " ".join("".join(_decoded_word(word, charset) for word, charset in words).split())


def _decoded_word(word: bytes | str, charset: str | None) -> str:
    if isinstance(word, str):
        return word
    try:
        return word.decode(charset or "ascii", "replace")
    # ValueError: a name with a NUL in it.
    except (LookupError, ValueError):
        return word.decode("latin-1")


def _is_attachment(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or bool(part.get_filename())


def _shown_parts(part: Message) -> Iterator[Message]:
    """The parts that make up the message's text. Of alternatives the last is the best: RFC 2046, section 5.1.4."""
    if _is_attachment(part) or part.get_content_type() == "message/rfc822":
        return
    if not part.is_multipart():
        if part.get_content_maintype() == "text":
            yield part
        return
    found = [list(_shown_parts(inner)) for inner in _inner(part)]
    if part.get_content_subtype() == "alternative":
        found = [parts for parts in found if any(_payload(shown).strip() for shown in parts)][-1:]
    for parts in found:
        yield from parts


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _write_part(part: Message, builder: DocumentBuilder) -> None:
    data = _payload(part)
    if not data.strip():
        return
    charset = part.get_content_charset("")
    if part.get_content_subtype() == "html":
        write_html(decode(data, declared=charset or declared_encoding(data)), builder)
    else:
        builder.block(decode(data, declared=charset))


def _attachments(part: Message) -> Iterator[str]:
    if _is_attachment(part) or part.get_content_type() == "message/rfc822":
        yield " ".join(str(part.get_filename() or part.get_content_type()).split())
        return
    for inner in _inner(part):
        yield from _attachments(inner)


def _metadata(message: Message) -> dict[str, str]:
    names = list(_attachments(message))
    metadata = {
        "from": _header(message, "From"),
        "to": _header(message, "To"),
        "date": _header(message, "Date"),
        "message_id": _header(message, "Message-ID"),
        "attachments_not_read": str(len(names)) if names else "",
        "attachment_names": ", ".join(names[:MOST_LISTED]),
    }
    return {name: value for name, value in metadata.items() if value}
