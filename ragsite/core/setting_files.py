"""Settings that lie in files: where `DATABASE_URL_FILE` names a file, its one line is `DATABASE_URL`.

A secret is then in no environment, which whoever lists containers reads and every child inherits.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from ragsite.core.errors import ConfigurationError
from ragsite.core.setting_texts import complaint, secret_in

SUFFIX = "_FILE"


@dataclass(frozen=True, slots=True)
class NotRead:
    """In the place of a value that can't be had, so that it is listed with all else that is wrong."""

    reason: str


class FilesSource(PydanticBaseSettingsSource):
    """The settings whose files are named; goes before the environment, to see what is given twice."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        try:
            return in_file(field_name.upper(), os.environ), field_name, False
        except ValueError as error:
            return NotRead(str(error)), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = (self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items())
        return {name: value for value, name, _ in found if value is not None}


def in_file(variable: str, environ: Mapping[str, str]) -> str | None:
    """What the file says that is named for a variable; None where none is named.

    Raises:
        ValueError: it says nothing that could be a value. The text is not repeated.
    """
    file = environ.get(f"{variable}{SUFFIX}")
    if not file:
        return None
    if environ.get(variable):
        raise ValueError(f"{variable} is set, too: give one of them")
    text = secret_in(file)
    if not text:
        raise ValueError(f"there is nothing in {file!r}")
    if len(text.splitlines()) > 1:
        raise ValueError(f"there is more than one line in {file!r}")
    return text


def is_given(variable: str) -> bool:
    """Whether the environment of this process says it, or names a file that does."""
    return variable in os.environ or bool(os.environ.get(f"{variable}{SUFFIX}"))


def files_take_in(variables: Iterable[str], environ: MutableMapping[str, str]) -> None:
    """Put what files say in the place of their names, for what reads the environment alone.

    Raises:
        ConfigurationError: one line for each file that can't be read.
    """
    complaints = []
    for variable in variables:
        try:
            value = in_file(variable, environ)
        except ValueError as error:
            complaints.append(f"{variable}{SUFFIX}: {error}")
            continue
        if value is not None:
            environ[variable] = value
            del environ[f"{variable}{SUFFIX}"]
    if complaints:
        raise ConfigurationError("\n".join(complaints))


def complaints_of(error: ValidationError) -> list[str]:
    """A line for each variable that is missing or wrong, by the name under which it was given."""
    return [_complaint(one["loc"], one["type"], one["msg"], one["input"]) for one in error.errors()]


def _complaint(location: tuple[int | str, ...], kind: str, message: str, given: object) -> str:
    by_file = bool(location) and bool(os.environ.get(f"{location[0]}{SUFFIX}".upper()))
    where = (f"{location[0]}{SUFFIX}",) if by_file else location
    return complaint(where, kind, given.reason if isinstance(given, NotRead) else message)
