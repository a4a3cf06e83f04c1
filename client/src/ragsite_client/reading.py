"""From JSON to the types of `types`, by their annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from ragsite_client.errors import UnexpectedReplyError

Made = TypeVar("Made")


def made(kind: type[Made], reply: object) -> Made:
    """The reply as an object of that dataclass. What it does not name is passed over.

    Raises:
        UnexpectedReplyError: something that must be there is not, so this is no ragsite, or one that is too old.
    """
    if not isinstance(reply, Mapping):
        raise UnexpectedReplyError(f"{kind.__name__} was expected, and not {reply!r:.100}.")
    hints, given = _hints(kind), {}  # type: ignore[arg-type]
    for one in fields(kind):  # type: ignore[arg-type]
        if one.name in reply:
            given[one.name] = _value(hints[one.name], reply[one.name])
        elif _is_required(one):
            raise UnexpectedReplyError(f"{kind.__name__} came without {one.name!r}.")
    return kind(**given)


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _is_required(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _value(hint: Any, value: Any) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return None if value is None else _value(next(one for one in arguments if one is not NoneType), value)
    if origin is tuple:
        return tuple(_value(arguments[0], one) for one in value)
    if is_dataclass(hint) and isinstance(hint, type):
        return made(hint, value)
    return datetime.fromisoformat(value) if hint is datetime else value
