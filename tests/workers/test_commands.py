"""All commands that there are, found and not listed: what each must have, and how each ends."""

from __future__ import annotations

import argparse
import ast
import inspect
import io
import json
import shlex
import uuid
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command, get_commands, load_command_class
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

import manage
from ragsite.core.commands import base
from ragsite.core.commands.parsers import Prints, about_of, leaves
from ragsite.stack.local import PROJECT_DIR
from tests.workers.beir import beir_write
from workers.commands import BEFORE_DJANGO, commands_all

COMMANDS = commands_all()
LEAVES = {name: parser for command, found in COMMANDS.items() for name, parser in leaves(command, found)}
DJANGOS = sorted(name for name in LEAVES if name.split()[0] not in BEFORE_DJANGO)
WITHOUT_DATABASE = {
    "analytics cluster": "from files to statements",
    "analytics serve": "owns the engine of ClickHouse",
    "analytics status": "asks ClickHouse",
    "backup list": "looks into the place",
    "backup verify": "reads the place",
    "blobs_copy": "it goes from one storage to another",
    "consume_events": "from Kafka to ClickHouse",
    "deliver_webhooks": "waits for it",
    "docs_commands": "from parsers to a file",
    "docs_metrics": "from a table to a file",
    "event_schemas": "from classes to files",
    "restore": "looks for a backup first",
    "models connect": "asks the server first, which is not there",
    "second_store": "there is no second store",
    "transfer import": "looks for an export first",
    "transfer verify": "reads the place",
}
BESIDE = {
    "capacity simulate": ["--workers", "parsing=1", "general=1", "models=1", "--at-once", "5"],
    "documents delete": ["--all"],
    "events send-again": ["--all"],
    **{f"settings {action}": ["--tenant", "x"] for action in ("set", "unset", "history", "put-back")},
    **{f"models {action}": ["--revision", "0" * 40] for action in ("add", "pull", "register")},
}
"""What else these need to come to the database."""

NO_RESULT = {"analytics serve", "migrate", "relay", "up"}
"""They run until they are stopped, or say what they do in Django's words."""


def about(name: str) -> Any:
    return about_of(LEAVES[name])


def run(name: str, *words: str) -> tuple[int, str, str]:
    """The exit code and the output of a command that somebody typed."""
    command, *action = name.split()
    out, err = io.StringIO(), io.StringIO()
    made = load_command_class(get_commands()[command], command)
    made.stdout._out, made.stderr._out = out, err
    try:
        made.run_from_argv(["manage.py", command, *action, *words])
    except SystemExit as end:
        return int(str(end.code or 0)), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def filled_in(name: str, folder: Path) -> list[str]:
    """Words that the parser takes: what it requires, and nothing else."""
    words: list[str] = []
    for action in LEAVES[name]._actions:
        if not action.required or isinstance(action, argparse._SubParsersAction):
            continue
        value = _value(action, folder)
        words += [action.option_strings[-1], value] if action.option_strings else [value]
    return words


def _value(action: argparse.Action, folder: Path) -> str:
    if action.choices:
        return str(next(iter(action.choices)))
    if action.type is uuid.UUID:
        return str(uuid.uuid4())
    if action.type is int:
        return "1"
    return {
        "directory": str(folder), "place": str(folder), "paths": str(folder), "source": "owner/name",
        "workers": "parsing=1", "per_hour": "5", "within": "60",
    }.get(action.dest, "x")  # fmt: skip


def test_every_command_of_the_folders_is_here() -> None:
    files = [
        path
        for top in ("ragsite", "apps", "workers")
        for path in (PROJECT_DIR / top).glob("**/management/commands/*.py")
    ]
    names = {path.stem for path in files} - {"__init__"}
    assert names | set(manage.ONE_MACHINE) == set(COMMANDS)
    assert set(BEFORE_DJANGO) == set(manage.ONE_MACHINE) - {"evaluate"}
    for name in names:
        assert isinstance(load_command_class(get_commands()[name], name), base.Command), name


def test_the_page_of_the_manual_is_up_to_date() -> None:
    told = io.StringIO()
    call_command("docs_commands", "--check", stdout=told)
    assert told.getvalue() == "All is up to date.\n"


def test_the_page_of_metrics_is_up_to_date() -> None:
    told = io.StringIO()
    call_command("docs_metrics", "--check", stdout=told)
    assert told.getvalue() == "All is up to date.\n"


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_a_command_has_a_sentence_examples_that_parse_and_the_options_it_must_have(name: str) -> None:
    parser, said = LEAVES[name], about(name)
    assert said.sentence.endswith(".")
    assert said.resumed.endswith(".")
    assert said.prints or name in NO_RESULT
    options = parser._option_string_actions
    assert ("--dry-run" in options, "--json" in options) == (said.changes, bool(said.prints))
    assert {"Examples:", "Exit codes:"} <= set(parser.format_help().splitlines())
    assert all(action.help for action in parser._actions if not isinstance(action, argparse._SubParsersAction))
    ours = [example for example, _ in said.examples if example.startswith("manage.py ")]
    assert ours or said.examples
    for example in ours:
        command, *words = shlex.split(example.removeprefix("manage.py "))
        known = {"VERSION_ID", "TASK_ID", "LARGE", "SMALL"}
        COMMANDS[command].parse_args([str(uuid.uuid4()) if word in known else word for word in words])


@pytest.mark.parametrize("command", sorted({name.split()[0] for name in DJANGOS}))
def test_a_command_that_gives_a_service_its_actor_says_that_it_changes_something(command: str) -> None:
    """The services that change something are those that take an actor."""
    module = import_module(type(load_command_class(get_commands()[command], command)).__module__)
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call)]
    acting = {ast.unparse(call.func) for call in calls for one in call.keywords if one.arg == "actor"} - {"change_log"}
    assert not acting or any(about(name).changes for name in LEAVES if name.split()[0] == command), acting


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_wrong_usage_ends_with_2(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command, *action = name.split()
    if command in BEFORE_DJANGO:
        entry: Callable[[list[str]], int] = import_module(manage.ONE_MACHINE[command][0]).main
        with pytest.raises(SystemExit) as ended:
            entry([*action, "--no-such-option"])
        assert ended.value.code == 2
    else:
        assert run(name, "--no-such-option")[0] == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", [name for name in DJANGOS if name not in WITHOUT_DATABASE])
def test_without_a_database_a_command_ends_with_3_a_sentence_and_a_document(
    name: str, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", refused)
    settings.RAGSITE_ANSWER_CACHE_SECONDS = 600
    settings.RAGSITE_OIDC_ISSUER = "https://login.example.org"
    words = filled_in(name, beir_write(tmp_path / "harbour"))
    options = ["--dry-run"] if not about(name).prints else ["--json"]
    code, out, err = run(name, *words, *options, *BESIDE.get(name, []))
    assert code == 3, (out, err)
    assert "Traceback" not in err
    assert not about(name).prints or len(out.splitlines()) == 1
    told = json.loads(out) if about(name).prints else {}
    assert "The database does not answer" in (err if "error" in told or not told else told["checks"]["database"])


@pytest.mark.django_db
@pytest.mark.parametrize("name", DJANGOS)
def test_ctrl_c_ends_a_command_with_130_and_how_to_go_on(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    command = name.split()[0]
    monkeypatch.setattr(type(load_command_class(get_commands()[command], command)), "run", interrupted)
    code, out, err = run(name, *filled_in(name, tmp_path))
    assert (code, out, err) == (130, "", f"Interrupted. {about(name).resumed}\n")


def test_what_streams_says_so() -> None:
    assert [name for name in LEAVES if about(name).prints is Prints.LINES] == [
        "documents list",
        "audit export",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "apikey ci --tenant Harbour --permissions read query", "answers warm --knowledge-base x --top 3 --days 2",
        "blobs_copy files", "bootstrap", "event_schemas --check", "relay", "sign_in_pass ada",
        "ingest a b --knowledge-base x --tenant t --tags a,b --restricted --dry-run --resume --wait --json",
        "evaluate d --mode dense --rerank --k 3 --depth 9 --chunk-size 64 --chunk-overlap 0 --keep --json",
        "reindex --knowledge-base x --tenant t --model m --chunking size=4 --switch now --margin 0.1 --json --dry-run",
        "reindex --knowledge-base x --drop", "reindex --knowledge-base x --drop 7", "reindex --knowledge-base x --rollback",
        "models add a --name b --revision c --query-prompt q --document-prompt d --dimensions 8 --file f --sha256 s --no-wait",
        "models connect a --url u --url v --model m --kind embedding --max-tokens 9 --default --key-env X_API_KEY",
        "demo --generator smollm2", "stack status --json", "stack up", "stack down", "stack env", "up",
    ],
)  # fmt: skip
def test_what_was_typed_before_is_still_taken(line: str) -> None:
    command, *words = shlex.split(line)
    COMMANDS[command].parse_args(words)
