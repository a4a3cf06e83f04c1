"""What starting or stopping would do, for dry runs: looked up, with nothing started and nothing written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from ragsite.stack.stack import ServerState, Stack
from ragsite.stack.supervisor import system_commands


def servers_named(stack: Stack, state: ServerState) -> list[str]:
    """The servers that are in this state now."""
    return [one.name for one in stack.status() if one.state is state]


def start_foreseen(stack: Stack) -> str:
    """In words, which servers a start would start."""
    return (
        f"{_counted(servers_named(stack, ServerState.STOPPED))} would be started; "
        f"{_counted(servers_named(stack, ServerState.RUNNING))} run already; "
        f"{_counted(servers_named(stack, ServerState.REPLACED))} are given by URL."
    )


def stop_foreseen(stack: Stack) -> str:
    """In words, which servers a stop would stop."""
    return f"{_counted(servers_named(stack, ServerState.RUNNING))} would be stopped; their data stays."


def processes_foreseen(environ: Mapping[str, str]) -> str:
    """In words, which processes the system consists of."""
    return f"{_counted(list(system_commands(defaultdict(str, environ))), what='processes')} would be started."


def _counted(names: list[str], *, what: str = "servers") -> str:
    return f"{len(names)} {what}{f' ({listed})' if (listed := ', '.join(names)) else ''}"
