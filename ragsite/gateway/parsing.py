"""How bodies of JSON are read, by both APIs: what can't be read is said with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser
from rest_framework.parsers import JSONParser

from ragsite.gateway.errors import UnreadableBodyError

UTF_8 = "utf-8"
_EXPECTED = {
    "Expecting value": "a value was expected: an object, a list, a text in double quotes, a number, true, false or null",
    "Expecting property name enclosed in double quotes": "a name in double quotes was expected, or the end of the object",
    "Expecting ':' delimiter": "a colon was expected after the name",
    "Expecting ',' delimiter": "a comma was expected, or the end of what was begun",
    "Unterminated string starting at": "the text that begins here has no closing quote",
    "Invalid control character at": "a line break or another control character must be written as an escape, such as \\n",
    "Invalid \\escape": 'after a backslash one of " \\ / b f n r t u was expected',
    "Invalid \\uXXXX escape": "after \\u four hexadecimal digits were expected",
    "Extra data": "nothing more was expected after the first value",
}
"""What Python's reader says, in words that say what was expected."""


def json_read(body: bytes, *, charset: str | None = None) -> Any:
    """The value that a body holds, in one of Unicode's encodings if none is named.

    Raises:
        UnreadableBodyError: it is none; the message says where, and what was expected there.
    """
    if not body.strip():
        raise UnreadableBodyError("The body is empty: JSON was expected.")
    try:
        text = body.decode(charset or json.detect_encoding(body))
        return json.loads(text, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise UnreadableBodyError(f"The body is not text: byte {error.start + 1} is no {error.encoding}.") from error
    except LookupError as error:
        raise UnreadableBodyError(f"The body is not text: {charset} encodes none.") from error
    except json.JSONDecodeError as error:
        raise UnreadableBodyError(_told(error)) from error
    except RecursionError as error:
        raise UnreadableBodyError("The body is JSON that is nested too deeply.") from error
    except ValueError as error:
        raise UnreadableBodyError("The body has a number with too many digits.") from error


class BoundedJSONParser(JSONParser):
    """For Django REST framework."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        named = str((parser_context or {}).get("encoding") or UTF_8)
        return json_read(stream.read(), charset=None if named.lower() == UTF_8 else named)


class BodyParser(Parser):
    """For django-ninja."""

    def parse_body(self, request: HttpRequest) -> Any:
        return json_read(request.body)


def _told(error: json.JSONDecodeError) -> str:
    expected = next((told for said, told in _EXPECTED.items() if error.msg.startswith(said)), error.msg)
    return f"The body is not JSON: line {error.lineno}, column {error.colno}: {expected}."


def _no_constant(name: str) -> NoReturn:
    raise UnreadableBodyError(f"The body is not JSON: {name} is no number there.", action="Send null, or leave it out.")
