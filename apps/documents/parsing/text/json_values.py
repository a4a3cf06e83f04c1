"""Reads JSON (RFC 8259) that may be meant to exhaust its reader."""

from __future__ import annotations

import json
from typing import Any

from apps.documents.parsing.errors import DamagedFileError, TooDeepError, TooLargeError
from apps.documents.parsing.types import FileLimits

DEEPEST_VALUE = 100
# Each value has one of these before or after it, whether inside a string or not.
_SEPARATORS = (",", "[", "{")


class Again(str):
    """A name that its object has given before; as a key it equals no other."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object with all of its members, also those whose names are repeated."""
    value = dict(members)
    if len(value) == len(members):
        return value
    value = {}
    for name, member in members:
        value[Again(name) if name in value else name] = member
    return value


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
# It takes longer, and is only needed where names are repeated.
_WHOLE_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_object)
# Where names end; what looks like it within a string only costs a second decoding.
_NAME_ENDS = ('":', '" :', '"\t:', '"\n:', '"\r\n:')


def load_json(text: str, *, limits: FileLimits, where: str = "The file") -> Any:
    """The value; numbers come as the text they were written as, and so do the words true, false and null.

    Raises DamagedFileError, TooDeepError and TooLargeError; `where` begins their sentences.
    """
    if sum(map(text.count, _SEPARATORS)) > limits.max_values:
        raise TooLargeError(f"{where} holds more than {limits.max_values:,} values.")
    try:
        value = _DECODER.decode(text)
        members = _checked_members(value, where)
        if members < sum(map(text.count, _NAME_ENDS)):
            value = _WHOLE_DECODER.decode(text)
    except RecursionError as error:
        raise TooDeepError(f"{where} has values inside one another, more than {DEEPEST_VALUE} deep.") from error
    except json.JSONDecodeError as error:
        raise DamagedFileError(f"{where} is not valid JSON: {error.msg} in line {error.lineno:,}.") from error
    return value


def _checked_members(value: Any, where: str) -> int:
    """How many members the objects in the value have together; TooDeepError for one that is too deep."""
    members = 0
    layer = [value]
    for _ in range(DEEPEST_VALUE):
        members += sum([len(inner) for inner in layer if isinstance(inner, dict)])
        layer = [inner for outer in layer for inner in _inner(outer) if isinstance(inner, dict | list)]
        if not layer:
            return members
    raise TooDeepError(f"{where} has values inside one another, more than {DEEPEST_VALUE} deep.")


def _inner(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
