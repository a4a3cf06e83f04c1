"""Prompts: numbered files in `templates/prompts/`, such as `answer-1.txt`. A new text is a new number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

from ragsite.core.errors import ConfigurationError

_VERSION = re.compile(r"(?P<name>[a-z_]+)-(?P<number>\d+)")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a language model is told, and the version that is kept with what it then says."""

    version: str
    text: str


def prompt(name: str) -> Prompt:
    """The newest prompt of that name ("answer"), or the one of that version ("answer-1"). Each is read once a process.

    Raises:
        ConfigurationError: there is none.
    """
    return _read(name, folder())


def folder() -> Path:
    """Where the prompts lie."""
    return Path(settings.BASE_DIR, "templates", "prompts")


@cache
def _read(name: str, where: Path) -> Prompt:
    versions = [name] if _VERSION.fullmatch(name) else _versions(name, where)
    try:
        return Prompt(versions[-1], Path(where, f"{versions[-1]}.txt").read_text(encoding="utf-8").rstrip())
    except (IndexError, FileNotFoundError):
        raise ConfigurationError(
            f"There is no prompt {name!r} in {where}.", action="Restore the folder templates/prompts of this version."
        ) from None


def _versions(name: str, where: Path) -> list[str]:
    """By their numbers, the newest last."""
    found = [
        match for path in where.glob("*.txt") if (match := _VERSION.fullmatch(path.stem)) and match["name"] == name
    ]
    return [match[0] for match in sorted(found, key=lambda match: int(match["number"]))]
