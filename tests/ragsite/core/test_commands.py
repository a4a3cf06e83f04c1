"""What commands have in common, on commands made for the test."""

from __future__ import annotations

import argparse
import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError
from psycopg.errors import UndefinedTable
from redis.exceptions import ConnectionError as RedisConnectionError

from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.docs import page
from ragsite.core.commands.exits import ExitCode, exit_code_of
from ragsite.core.commands.parsers import About, Prints, parser_describe
from ragsite.core.commands.reaching import told_error
from ragsite.core.errors import (
    ConfigurationError,
    ConflictError,
    ModelUnavailableError,
    NotFoundError,
    PermanentError,
    RagError,
    ServiceUnavailableError,
)
from ragsite.stack.stopping import Stopped

ABOUT = About(
    sentence="Count boats.", examples=(("manage.py boats", "all of them"),), changes=True, resumed="Count again."
)


class Boats(base.Command):
    """A command that does what the test says."""

    about = ABOUT
    ends: Any = None

    def run(self, options: Options) -> Told | None:
        if isinstance(self.ends, BaseException):
            raise self.ends
        return self.ends if isinstance(self.ends, Told) else None


def typed(ends: Any, *words: str) -> tuple[int, str, str]:
    """The exit code, and what a command writes that somebody typed."""
    out, err = io.StringIO(), io.StringIO()
    command = Boats(stdout=out, stderr=err)
    command.ends = ends
    try:
        command.run_from_argv(["manage.py", "boats", *words])
    except SystemExit as end:
        return int(str(end.code or 0)), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def without_table() -> ProgrammingError:
    error = ProgrammingError("relation does not exist")
    error.__cause__ = UndefinedTable()
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermanentError("No."), 1), (NotFoundError("No."), 1), (ConflictError("No."), 1), (RagError("No."), 1),
        (ConfigurationError("RAGSITE_X is wrong."), 2),
        (ServiceUnavailableError("No."), 3), (ModelUnavailableError("No."), 3),
        (OperationalError("connection refused"), 3), (RedisConnectionError("refused"), 3), (without_table(), 3),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)  # fmt: skip
def test_an_error_ends_a_command_with_the_code_of_its_family_and_in_one_line(error: Exception, code: int) -> None:
    ended, out, err = typed(error)
    assert (ended, out, err.count("\n")) == (code, "", 1)
    told = told_error(error)
    assert told is not None
    assert (exit_code_of(told), err) == (code, f"{told.sentence}\n")


def test_a_fault_of_the_program_is_not_made_a_sentence_of() -> None:
    with pytest.raises(ZeroDivisionError):
        typed(ZeroDivisionError())


def test_with_json_an_error_is_a_document_too() -> None:
    code, out, err = typed(NotFoundError("There is no boat.", action="Build one."), "--json")
    error = {"code": "not_found", "message": "There is no boat.", "action": "Build one."}
    assert (code, json.loads(out), err) == (1, {"error": error}, "There is no boat. Build one.\n")


def test_a_result_is_text_or_json_and_has_an_exit_code() -> None:
    told = Told({"boats": 3}, "3 boats.", ExitCode.FAILED)
    assert typed(told) == (1, "3 boats.\n", "")
    assert typed(told, "--json") == (1, '{"boats": 3}\n', "")


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt(), 130), (Stopped(15), 143)])
def test_an_interruption_ends_without_a_traceback_and_says_how_to_go_on(stop: BaseException, code: int) -> None:
    assert typed(stop) == (code, "", "Interrupted. Count again.\n")
    assert json.loads(typed(stop, "--json")[1])["error"]["code"] == "interrupted"


def test_called_by_a_program_it_raises_with_the_code() -> None:
    command = Boats()
    command.ends = ServiceUnavailableError("No.")
    with pytest.raises(CommandError) as raised:
        call_command(command)
    assert raised.value.returncode == 3


def test_wrong_usage_is_2_and_help_has_sentence_examples_and_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(None, "--sail")[0] == 2
    assert typed(None, "--help")[0] == 0
    told = capsys.readouterr().out
    for part in ("Count boats.", "  # all of them\n  manage.py boats\n", "Exit codes:\n  0   all of it", "--dry-run"):
        assert part in told
    assert told.index("--json") < told.index("--traceback")


def test_the_page_of_the_manual_shows_all_that_the_parser_has() -> None:
    parser = argparse.ArgumentParser(prog="manage.py boats")
    parser.add_argument("harbour", metavar="HARBOUR", help="Where.")
    parser.add_argument("--kind", choices=["sail", "motor"], help="Which | what.")
    parser_describe(parser, About(sentence="Count boats.", examples=ABOUT.examples, prints=Prints.LINES))
    made = page({"boats": parser})
    for line in (
        "| [`boats`](#boats) | Count boats. |", "## boats", "    manage.py boats", "| `HARBOUR` | Where. |",
        "| `--kind KIND` | Which \\| what. One of `sail`, `motor`. |",
        "| 130 | it was interrupted by Ctrl-C; it says how to go on |",
    ):  # fmt: skip
        assert f"\n{line}\n" in made
    assert "`--dry-run` |" not in made
