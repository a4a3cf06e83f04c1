"""`manage.py stack up|down|status|env`: the operator's door to the embedded servers."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
import sys
from collections.abc import Callable, Sequence

from ragsite.core.commands.exits import error_write, json_text
from ragsite.core.commands.parsers import About, leading, parser_describe
from ragsite.core.errors import RagError
from ragsite.stack.foreseeing import start_foreseen, stop_foreseen
from ragsite.stack.local import data_directory
from ragsite.stack.stack import ServerState, ServerStatus, Stack
from ragsite.stack.stopping import Stopped, stoppable


def main(argv: Sequence[str]) -> int:
    """Run one command; its exit code. `status` ends with 1 when it finds a server stopped."""
    arguments = parser().parse_args(argv)
    command: Callable[[Stack, argparse.Namespace], int] = arguments.run
    try:
        with stoppable():
            return command(_stack(), arguments)
    except Stopped as stopped:
        _say("stopped; what was started here does not run any more")
        return stopped.exit_code
    except RagError as error:
        return error_write(error, stdout=sys.stdout if arguments.json else None, stderr=sys.stderr)


def _stack() -> Stack:
    """The servers of the data folder. Addresses that a shell took over from `env` replace none of them."""
    directory = data_directory() / "stack"
    own = Stack(directory, {}).environment()
    others = {name: value for name, value in os.environ.items() if own.get(name) != value}
    return Stack(directory, others, say=_say)


def parser() -> argparse.ArgumentParser:
    """The parser, with what each action says of itself."""
    made = argparse.ArgumentParser(prog="manage.py stack")
    actions = made.add_subparsers(required=True, metavar="up|down|status|env")
    for name, (about, run) in ACTIONS.items():
        action = actions.add_parser(name, help=about.sentence)
        parser_describe(action, about)
        action.set_defaults(run=run)
    leading(made, "The embedded servers alone: PostgreSQL, Redis, and a broker that speaks Kafka's protocol.")
    return made


def _up(stack: Stack, arguments: argparse.Namespace) -> int:
    if arguments.dry_run:
        return _print_foreseen(start_foreseen(stack), arguments)
    stack.up()
    _print_status(stack, arguments)
    if not arguments.json:
        sys.stdout.write('# for a shell, with passwords: eval "$(manage.py stack env)"\n')
    return 0


def _env(stack: Stack, arguments: argparse.Namespace) -> int:
    if arguments.dry_run:
        return _print_foreseen(start_foreseen(stack), arguments)
    environment = stack.up()
    if arguments.json:
        sys.stdout.write(f"{json_text(environment)}\n")
        return 0
    sys.stdout.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    if stack.postgres in stack.servers:
        # Another version's pg_dump refuses this server.
        sys.stdout.write(f'export PATH={shlex.quote(str(stack.postgres.programs))}:"$PATH"\n')
    return 0


def _down(stack: Stack, arguments: argparse.Namespace) -> int:
    if arguments.dry_run:
        return _print_foreseen(stop_foreseen(stack), arguments)
    stack.down()
    _print_status(stack, arguments)
    return 0


def _status(stack: Stack, arguments: argparse.Namespace) -> int:
    found = _print_status(stack, arguments)
    return int(any(status.state is ServerState.STOPPED for status in found))


def _print_foreseen(text: str, arguments: argparse.Namespace) -> int:
    told = f"{text} Nothing was changed."
    sys.stdout.write(f"{json_text({'dry_run': True, 'text': told}) if arguments.json else f'# {told}'}\n")
    return 0


def _print_status(stack: Stack, arguments: argparse.Namespace) -> list[ServerStatus]:
    found = stack.status()
    if arguments.json:
        sys.stdout.write(f"{json_text([dataclasses.asdict(status) for status in found])}\n")
    else:
        _print_table(found)
    return found


def _say(text: str) -> None:
    """To the terminal and not into `env`'s lines for a shell."""
    sys.stderr.write(f"{text}\n")


def _print_table(found: list[ServerStatus]) -> None:
    for status in found:
        process = f"pid {status.pid}" if status.pid else ""
        sys.stdout.write(f"# {status.name:<12}{status.state:<17}{status.address or '-':<22}{process}".rstrip() + "\n")


ACTIONS: dict[str, tuple[About, Callable[[Stack, argparse.Namespace], int]]] = {
    "up": (
        About(
            sentence="Start what does not run; print addresses.",
            examples=(("manage.py stack up", "they run until `stack down`"),),
            changes=True,
            resumed="What was started here was stopped again.",
        ),
        _up,
    ),
    "down": (
        About(
            sentence="Stop the servers; their data stays.",
            examples=(("manage.py stack down", "unless `up` runs"),),
            changes=True,
        ),
        _down,
    ),
    "env": (
        About(
            sentence="For eval: URLs with passwords, and PostgreSQL's programs. Starts what does not run.",
            examples=(('eval "$(manage.py stack env)"', "give this shell the servers' addresses"),),
            changes=True,
            resumed="What was started here was stopped again.",
        ),
        _env,
    ),
    "status": (
        About(
            sentence="The state of each server.",
            examples=(("manage.py stack status --json", "a JSON list; it ends with 1 if one is stopped"),),
        ),
        _status,
    ),
}
