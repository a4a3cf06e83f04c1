"""How commands end: the exit codes, and the one place that says which error ends with which."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any, Protocol

from ragsite.core.errors import ConfigurationError, RagError, TransientError


class Out(Protocol):
    """A stream, or Django's wrapper of one."""

    def write(self, text: str, /) -> Any: ...


class ExitCode(IntEnum):
    """What a command ends with."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.DONE: "all of it is done",
    ExitCode.FAILED: "some or all of it could not be done, such as with what is not there; it says what, and why",
    ExitCode.USAGE: "an option or argument is unknown, missing or of no possible form, or a setting is wrong; nothing was done",
    ExitCode.UNREACHABLE: "a server or worker that it needs does not answer, or is not ready; try again later",
    ExitCode.INTERRUPTED: "it was interrupted by Ctrl-C; it says how to go on",
}
"""For people: each command's help and the manual print them."""

FAMILIES: tuple[tuple[type[RagError], ExitCode], ...] = (
    (ConfigurationError, ExitCode.USAGE),
    (TransientError, ExitCode.UNREACHABLE),
    (RagError, ExitCode.FAILED),
)
"""The first family that an error belongs to counts."""


def exit_code_of(error: RagError) -> ExitCode:
    """What a command ends with that this error ended."""
    return next(code for family, code in FAMILIES if isinstance(error, family))


def error_write(error: RagError, *, stdout: Out | None, stderr: Out) -> ExitCode:
    """Say it in words, and as a JSON document where `stdout` is given; what the command ends with."""
    if stdout is not None:
        stdout.write(f"{json_text(error_told(error.error_code, error.message, error.error_action))}\n")
    stderr.write(f"{error.sentence}\n")
    return exit_code_of(error)


def error_told(code: str, message: str, action: str) -> dict[str, Any]:
    """The JSON document of a command that did not come to its end."""
    return {"error": {"code": code, "message": message, "action": action}}


def json_text(told: Any) -> str:
    """A JSON document in one line. What JSON has no form for is written as text."""
    return json.dumps(told, ensure_ascii=False, default=str)


def meanings() -> Iterator[str]:
    """The exit codes, a line each."""
    yield from (f"{code.value:<4}{told}" for code, told in MEANINGS.items())
