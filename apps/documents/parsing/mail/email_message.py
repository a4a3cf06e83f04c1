"""E-mail messages as they are sent (RFC 5322 and MIME)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.characters import decode, read_bytes
from apps.documents.parsing.errors import TooDeepError, TooLargeError
from apps.documents.parsing.mail.calendar import write_calendar
from apps.documents.parsing.mail.flowed import unflowed
from apps.documents.parsing.mail.headers import HeaderReader, RawHeaders
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument
from apps.documents.parsing.web.html import declared_encoding
from apps.documents.parsing.web.html_text import write_html

SHOWN_HEADERS = ("From", "To", "Cc", "Date")
# What became of a message: lines such as headers, a block for the server and one for each recipient (RFC 3464).
DELIVERY_STATUS = "message/delivery-status"
MOST_LISTED = 20
DEEPEST_PART = 50
MOST_PARTS = 1_000
# Each line is held against the boundary of every part it may end.
MOST_COMPARISONS = 20_000_000
# What shows that a part has words: any letter or figure outside of its tags.
_TAGS = re.compile(rb"<[^<>]*>|&nbsp;|&#160;")
_UNSEEN = (b"style", b"script", b"title")
_WORD = re.compile(rb"[0-9A-Za-z\x80-\xff]")
_PART = re.compile(rb"^content-type[ \t]*:", re.IGNORECASE | re.MULTILINE)
_HOLDER = re.compile(rb"^content-type[ \t]*:[ \t\r\n]*(?:multipart|message)/", re.IGNORECASE | re.MULTILINE)


class EmailParser:
    """Takes the headers that a reader sees and the message's text; attachments are only named."""

    name = "eml"
    types = frozenset({DocumentType.EML})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The message under its subject; raises DamagedFileError, TooDeepError, EmptyTextError and TooLargeError."""
        message = _message(read_bytes(path, limits))
        headers = HeaderReader(message)
        builder = DocumentBuilder(limits)
        subject = headers.header(message, "Subject")
        builder.heading(1, subject)
        for name in SHOWN_HEADERS:
            value = headers.header(message, name)
            if value:
                builder.line(f"{name}: {value}")
        for part in _shown_parts(message):
            _write_part(part, builder)
        return builder.finish(title=subject, metadata=_metadata(message, headers))


def _message(data: bytes) -> Message:
    parts = len(_PART.findall(data))
    holders = len(_HOLDER.findall(data))
    if parts > MOST_PARTS or (holders + 1) * data.count(b"\n") > MOST_COMPARISONS:
        raise TooLargeError(
            f"The message has {parts:,} parts; the most that is read is {MOST_PARTS:,}, of a long one less."
        )
    try:
        message = BytesParser(policy=RawHeaders()).parsebytes(data)
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


def _is_attachment(part: Message) -> bool:
    """Whether the part is a file of its own. An invitation is often called `meeting.ics` and is still the message's."""
    is_named = bool(part.get_filename()) and not (_is_calendar(part) and part.get_content_maintype() == "text")
    return part.get_content_disposition() == "attachment" or is_named


def _shown_parts(part: Message) -> Iterator[Message]:
    """The parts that make up the message's text: its own words, of which one form is enough, and invitations."""
    if _is_attachment(part) or part.get_content_type() == "message/rfc822":
        return
    if part.get_content_type() == DELIVERY_STATUS:
        yield part
        return
    if not part.is_multipart():
        if part.get_content_maintype() == "text":
            yield part
        return
    found = [list(_shown_parts(inner)) for inner in _inner(part)]
    if part.get_content_subtype() == "alternative":
        found = _best(found)
    for parts in found:
        yield from parts


def _best(alternatives: list[list[Message]]) -> list[list[Message]]:
    """The alternative that a reader sees, and the invitations of all. Of equal ones it is the last: RFC 2046, 5.1.4."""
    calendars = [part for parts in alternatives for part in parts if _is_calendar(part)]
    texts = [[part for part in parts if not _is_calendar(part)] for parts in alternatives]
    worth = [max(map(_worth, parts), default=0) for parts in texts]
    best = max(range(len(texts)), key=lambda at: (worth[at], at), default=None)
    shown = [texts[best]] if best is not None and worth[best] else []
    return [*shown, calendars[:1]]


def _worth(part: Message) -> int:
    """How well a part stands for the message: rich text before plain text before anything else, and nothing with no words."""
    data = _payload(part)
    if part.get_content_subtype() == "html":
        return 3 if _WORD.search(_TAGS.sub(b"", _without_unseen(data))) else 0
    if not data.strip() or part.get_content_subtype() == "x-amp-html":
        return 0
    return 2 if part.get_content_subtype() == "plain" else 1


def _without_unseen(data: bytes) -> bytes:
    """The page without the contents of elements that hold no words of it."""
    for name in _UNSEEN:
        lower = data.lower()
        parts, position = [], 0
        while (start := lower.find(b"<" + name, position)) >= 0 and (end := lower.find(b"</" + name, start)) >= 0:
            parts.append(data[position:start])
            position = end
        data = b"".join([*parts, data[position:]])
    return data


def _is_calendar(part: Message) -> bool:
    return part.get_content_subtype() == "calendar"


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _write_part(part: Message, builder: DocumentBuilder) -> None:
    if part.get_content_type() == DELIVERY_STATUS:
        for told in _inner(part):
            builder.block("\n".join(f"{name}: {' '.join(str(value).split())}" for name, value in told.items()))
        return
    data = _payload(part)
    if not data.strip():
        return
    charset = part.get_content_charset("")
    if part.get_content_subtype() == "html":
        write_html(decode(data, declared=charset or declared_encoding(data)), builder)
        return
    text = decode(data, declared=charset)
    if _is_calendar(part) and write_calendar(text, builder):
        return
    if str(part.get_param("format", "")).lower() == "flowed":
        text = unflowed(text, drops_space=str(part.get_param("delsp", "")).lower() == "yes")
    builder.block(text)


def _attachments(part: Message, headers: HeaderReader) -> Iterator[str]:
    if _is_attachment(part) or part.get_content_type() == "message/rfc822":
        yield " ".join((headers.filename(part) or _enclosed_subject(part, headers) or part.get_content_type()).split())
        return
    for inner in _inner(part):
        yield from _attachments(inner, headers)


def _enclosed_subject(part: Message, headers: HeaderReader) -> str:
    """What a message that was forwarded as a file is about."""
    return next((headers.header(inner, "Subject") for inner in _inner(part)), "")


def _metadata(message: Message, headers: HeaderReader) -> dict[str, str]:
    names = list(_attachments(message, headers))
    metadata = {
        "from": headers.header(message, "From"),
        "to": headers.header(message, "To"),
        "date": headers.header(message, "Date"),
        "message_id": headers.header(message, "Message-ID"),
        "attachments_not_read": str(len(names)) if names else "",
        "attachment_names": ", ".join(names[:MOST_LISTED]),
    }
    return {name: value for name, value in metadata.items() if value}
