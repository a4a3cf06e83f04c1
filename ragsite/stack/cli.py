"""`manage.py stack up|down|status|env`: the operator's door to the embedded servers."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence

from ragsite.core.errors import RagError
from ragsite.stack.local import data_directory
from ragsite.stack.stack import ServerState, ServerStatus, Stack
from ragsite.stack.stopping import Stopped, stoppable


def main(argv: Sequence[str]) -> int:
    """Run one command. 0 when it succeeded; 1 when it failed, or when `status` finds a server stopped."""
    arguments = _parser().parse_args(argv)
    command: Callable[[Stack, argparse.Namespace], int] = arguments.run
    try:
        with stoppable():
            return command(_stack(), arguments)
    except Stopped as stopped:
        _say("stopped; what was started here does not run any more")
        return stopped.exit_code
    except RagError as error:
        sys.stderr.write(f"{' '.join(error.sentence.split())}\n")
        return 1


def _stack() -> Stack:
    """The servers of the data folder. Addresses that a shell took over from `env` replace none of them."""
    directory = data_directory() / "stack"
    own = Stack(directory, {}).environment()
    others = {name: value for name, value in os.environ.items() if own.get(name) != value}
    return Stack(directory, others, say=_say)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="manage.py stack", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="up|down|status|env")
    commands.add_parser("up", help="start what does not run; print addresses").set_defaults(run=_up)
    commands.add_parser("down", help="stop the servers; their data stays").set_defaults(run=_down)
    commands.add_parser("env", help="for eval: URLs with passwords, and PostgreSQL's programs").set_defaults(run=_env)
    status = commands.add_parser("status", help="the state of each server")
    status.add_argument("--json", action="store_true", help="as a JSON list")
    status.set_defaults(run=_status)
    return parser


def _up(stack: Stack, _: argparse.Namespace) -> int:
    stack.up()
    _print_table(stack.status())
    sys.stdout.write('# for a shell, with passwords: eval "$(manage.py stack env)"\n')
    return 0


def _env(stack: Stack, _: argparse.Namespace) -> int:
    environment = stack.up()
    sys.stdout.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    if stack.postgres in stack.servers:
        # Another version's pg_dump refuses this server.
        sys.stdout.write(f'export PATH={shlex.quote(str(stack.postgres.programs))}:"$PATH"\n')
    return 0


def _down(stack: Stack, _: argparse.Namespace) -> int:
    stack.down()
    _print_table(stack.status())
    return 0


def _status(stack: Stack, arguments: argparse.Namespace) -> int:
    found = stack.status()
    if arguments.json:
        sys.stdout.write(json.dumps([dataclasses.asdict(status) for status in found], indent=2) + "\n")
    else:
        _print_table(found)
    return int(any(status.state is ServerState.STOPPED for status in found))


def _say(text: str) -> None:
    """To the terminal and not into `env`'s lines for a shell."""
    sys.stderr.write(f"{text}\n")


def _print_table(found: list[ServerStatus]) -> None:
    for status in found:
        process = f"pid {status.pid}" if status.pid else ""
        sys.stdout.write(f"# {status.name:<12}{status.state:<17}{status.address or '-':<22}{process}".rstrip() + "\n")
