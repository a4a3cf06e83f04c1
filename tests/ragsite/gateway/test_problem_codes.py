"""The codes that the code says, the one table, OpenAPI and the manual are the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from ragsite.api import openapi
from ragsite.core.environment import PROJECT_DIR
from ragsite.gateway.problem_codes import COMMANDS, FAILURES, NO_OPERATION, PROBLEMS
from ragsite.gateway.problem_examples import EXAMPLES
from ragsite.gateway.problem_schemas import answering
from tests.ragsite.gateway.sentences import Sentences

SOURCES = ("ragsite", "apps", "workers")
MANUAL = (PROJECT_DIR / "docs" / "api.md").read_text()


@cache
def source() -> dict[str, ast.Module]:
    """What is in the files, by their paths."""
    paths = [path for root in SOURCES for path in sorted((PROJECT_DIR / root).rglob("*.py"))]
    return {
        str(path.relative_to(PROJECT_DIR)): ast.parse(path.read_text())
        for path in paths
        if "migrations" not in path.parts
    }


def said() -> dict[str, str]:
    """Every code in the source, with a file that says it."""
    found: dict[str, str] = {}
    for path, tree in source().items():
        found |= dict.fromkeys(_codes(tree), path)
    return found


def _codes(tree: ast.AST) -> Iterator[str]:
    """What stands behind `code =` of a class, and behind `code=` or `error_code=` of a call."""
    for node in ast.walk(tree):
        values: list[ast.expr | None] = []
        if isinstance(node, ast.ClassDef):
            values = [
                one.value for one in node.body if isinstance(one, ast.Assign | ast.AnnAssign) and _names_code(one)
            ]
        elif isinstance(node, ast.Call):
            values = [one.value for one in node.keywords if one.arg in {"code", "error_code", "invalid"}]
        yield from (one.value for one in values if isinstance(one, ast.Constant) and isinstance(one.value, str))


def _names_code(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(one, ast.Name) and one.id == "code" for one in targets)


def test_every_code_in_the_source_is_in_the_table() -> None:
    strangers = {code: path for code, path in said().items() if code not in {*PROBLEMS, *FAILURES, *COMMANDS, ""}}
    assert strangers == {}


def test_a_code_is_in_one_place_of_the_table() -> None:
    assert not FAILURES & COMMANDS
    assert not (FAILURES | COMMANDS) & PROBLEMS.keys()


NOT_SAID = {"model_unavailable": "the class's own: whoever raises it says which of the others it is"}


@pytest.fixture(scope="module")
def sentences() -> Sentences:
    return Sentences.of_source(list(source().values()))


def test_there_is_an_example_of_each_code() -> None:
    assert EXAMPLES.keys() == PROBLEMS.keys()


@pytest.mark.parametrize("code", [code for code in PROBLEMS if code not in NOT_SAID])
def test_the_example_of_a_code_is_what_the_source_says_with_it(code: str, sentences: Sentences) -> None:
    assert sentences.has(code, EXAMPLES[code]), f"Nothing says {EXAMPLES[code]!r} with the code {code}."


def test_what_the_source_does_not_say_is_no_example_of_a_code(sentences: Sentences) -> None:
    for code, told in (("busy", "Busy."), ("not_found", EXAMPLES["busy"]), ("busy", EXAMPLES["busy"] + " Or not.")):
        assert not sentences.has(code, told)


def rows(heading: str) -> list[list[str]]:
    """The cells of the rows of the table below a heading of the manual."""
    section = MANUAL.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    return [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")][1:]


def test_the_manual_lists_each_code_with_its_status() -> None:
    listed = [(code, int(cells[0])) for cells in rows("## Errors") for code in re.findall(r"`(\w+)`", cells[1])]
    assert sorted(listed) == sorted(PROBLEMS.items())


def test_the_manual_lists_what_work_fails_with() -> None:
    listed = [code for cells in rows("### Why a version failed") for code in re.findall(r"`(\w+)`", cells[0])]
    assert sorted(listed) == sorted(FAILURES)


def declared() -> dict[str, int]:
    """By code the status under which an operation of the OpenAPI document has it."""
    document: dict[str, Any] = openapi()
    found: dict[str, int] = {}
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                shared = response.get("$ref", "").rpartition("/")[2]
                told = document["components"]["responses"][shared] if shared else response
                problem = told.get("content", {}).get("application/problem+json")
                for code in problem["schema"]["allOf"][1]["properties"]["code"]["enum"] if problem else ():
                    found[code] = int(status)
    return found


def test_openapi_declares_each_code_at_some_operation_with_its_status() -> None:
    assert declared() == {code: status for code, status in PROBLEMS.items() if code not in NO_OPERATION}


def test_an_operation_cannot_declare_a_code_that_is_not_in_the_table() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        answering("nonsense")
