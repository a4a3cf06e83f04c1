"""The manual's page of all commands, made from their parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping

from ragsite.core.commands.exits import MEANINGS
from ragsite.core.commands.parsers import About, about_of, actions_of, is_djangos

HEAD = """# Commands

This page is written by `manage.py docs_commands` from the commands' parsers: change their help, not this page. In a shell
`manage.py` is `.venv/bin/python manage.py`; in a container it is `python manage.py`. `manage.py COMMAND --help` says the same.

- `--dry-run` says what would be done, with counts, and changes nothing. Every command that changes something has it.
- `--json` prints one JSON document on standard output and nothing else there; where results stream, a document in each
  line. What could not be done prints `{"error": {"code", "message", "action"}}`. Words go to standard error, and so does
  progress, if that is a terminal.
- Ctrl-C ends a command in order; it says how to go on. What was done is not done twice.
"""


def page(parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    """The whole page, the commands in the order of their names."""
    parts = [HEAD, _exit_codes(), _contents(parsers)]
    parts += ["\n".join(_command(name, parser, "##")) for name, parser in sorted(parsers.items())]
    return "\n".join(parts)


def _exit_codes() -> str:
    rows = [f"| {code.value} | {told} |" for code, told in MEANINGS.items()]
    return "\n".join(["| exit code | meaning |", "|---|---|", *rows, ""])


def _contents(parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    rows = [f"| [`{name}`](#{name}) | {parser.description} |" for name, parser in sorted(_first_lines(parsers))]
    return "\n".join(["| command | what it does |", "|---|---|", *rows, ""])


def _first_lines(parsers: Mapping[str, argparse.ArgumentParser]) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for name, parser in parsers.items():
        shown = argparse.ArgumentParser(description=(parser.description or "").partition("\n")[0])
        yield name, shown


def _command(name: str, parser: argparse.ArgumentParser, level: str) -> Iterator[str]:
    about = about_of(parser)
    yield f"{level} {name}\n"
    if about is None:
        yield f"{parser.description}\n"
        for action, below in actions_of(parser).items():
            yield from _command(f"{name} {action}", below, f"{level}#")
        return
    yield from (f"{text}\n" for text in (about.sentence, *about.notes))
    yield from _examples(about)
    yield from _arguments(parser)
    if about.changes:
        yield f"After an interruption: {about.resumed[0].lower()}{about.resumed[1:]}\n"


def _examples(about: About) -> Iterator[str]:
    for command, does in about.examples:
        yield f"    # {does}"
        yield f"    {command}"
    yield ""


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    own = [one for one in parser._actions if not is_djangos(one) and not isinstance(one, argparse._HelpAction)]
    own.sort(key=lambda one: one.dest in {"dry_run", "json"})
    if own:
        yield "| argument | meaning |"
        yield "|---|---|"
        yield from (f"| {_called(one)} | {_meaning(one)} |" for one in own)
        yield ""


def _called(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`{'' if action.required else ' (optional)'}"
    value = "" if action.nargs == 0 else f" {_value(action)}"
    return f"`{action.option_strings[-1]}{value}`{' (required)' if action.required else ''}"


def _value(action: argparse.Action) -> str:
    many = " …" if action.nargs in {"+", "*"} else ""
    return f"{action.metavar or action.dest.upper()}{many}"


def _meaning(action: argparse.Action) -> str:
    choices = f" One of {_listed(action.choices)}." if action.choices else ""
    return f"{action.help or ''}{choices}".replace("|", "\\|")


def _listed(choices: Iterable[object]) -> str:
    return ", ".join(f"`{one}`" for one in choices)
