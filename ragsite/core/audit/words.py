"""What an entry says in words, which may name somebody: covered by commitments, so that it can be erased and the code still fits.

A commitment is an HMAC of the value and a random salt that the entry keeps. Once the salt is gone nobody can test guesses of the
value against it, not even who has the key. In the salt's place stands the id of the entry that tells of the erasing.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ragsite.core.audit.codes import COLUMNS_OF_WORDS, DETAIL, AuditKey
from ragsite.core.audit.models import AuditEntry

_CODE = re.compile(r"[0-9a-f-]{32,}|")
_SALT = re.compile(r"[0-9a-f]{32}")
_NOT_THERE: Final = object()


def words_commit(entry: AuditEntry, key: AuditKey) -> None:
    """Give an entry that is being written its salts and commitments."""
    for place, value in _words(entry):
        salt = secrets.token_hex(16)
        entry.salts[place] = salt
        entry.commitments[place] = _commitment(value, salt, key)


def words_kept(entry: AuditEntry) -> dict[str, Any]:
    """The words of an entry that were not erased, by their place: a column, or `details.` and a name."""
    return {place: _word(entry, place) for place, salt in entry.salts.items() if _SALT.fullmatch(str(salt))}


def words_erased(entry: AuditEntry, key: AuditKey) -> dict[str, str] | None:
    """The places that were erased, with the id of the entry that is to tell of it; None if a word is not what was written."""
    if not isinstance(entry.salts, Mapping) or entry.salts.keys() != entry.commitments.keys():
        return None
    erased = {}
    for place, salt in entry.salts.items():
        value = _word(entry, place)
        if _SALT.fullmatch(str(salt)):
            if value is _NOT_THERE or _commitment(value, salt, key) != entry.commitments[place]:
                return None
        elif value is None or value == "":
            erased[place] = str(salt)
        else:
            return None
    return erased


def is_wordless(value: Any) -> bool:
    """Whether it has nothing but numbers, ids and codes."""
    match value:
        case None | bool() | int():
            return True
        case str():
            return _CODE.fullmatch(value) is not None
        case list():
            return all(map(is_wordless, value))
        case dict():
            return all(map(is_wordless, value.values()))
        case _:
            return False


def _words(entry: AuditEntry) -> Iterator[tuple[str, Any]]:
    yield from ((name, getattr(entry, name)) for name in COLUMNS_OF_WORDS if getattr(entry, name))
    yield from ((f"{DETAIL}{name}", value) for name, value in entry.details.items() if not is_wordless(value))


def _word(entry: AuditEntry, place: str) -> Any:
    if place in COLUMNS_OF_WORDS:
        return getattr(entry, place)
    return entry.details.get(place.removeprefix(DETAIL), _NOT_THERE)


def _commitment(value: Any, salt: str, key: AuditKey) -> str:
    return key.code({"salt": salt, "value": value}).hex()
