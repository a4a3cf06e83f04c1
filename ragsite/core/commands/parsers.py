"""What a command says of itself: its help, whether it changes something, what it prints. For parsers of Django's and others."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ragsite.core.commands.exits import meanings


class Prints(StrEnum):
    """What `--json` puts on the standard output."""

    NOTHING = ""
    DOCUMENT = "one JSON document"
    LINES = "a JSON document in each line, as they are found"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What people and programs need to know of a command, or of one of its actions.

    `examples` are what to type, each with what it does. A command that `changes` something has `--dry-run`; one that `prints`
    has `--json`. `resumed` says what to do after an interruption. `notes` are paragraphs for the help and the manual.
    """

    sentence: str
    examples: Sequence[tuple[str, str]]
    changes: bool = False
    prints: Prints = Prints.DOCUMENT
    resumed: str = "Run it again."
    notes: Sequence[str] = ()


ABOUT = "about"
"""The name by which a parsed command finds what it says of itself."""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Own options first, those of every Django command last; the examples keep their lines."""

    LAST = frozenset(
        {"--version", "--verbosity", "--traceback", "--settings", "--pythonpath", "--no-color", "--force-color", "--skip-checks"}
    )  # fmt: skip

    def add_usage(self, usage: str | None, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, sorted(actions, key=is_djangos), groups, prefix)

    def add_arguments(self, actions: Any) -> None:
        super().add_arguments(sorted(actions, key=is_djangos))


def is_djangos(action: argparse.Action) -> bool:
    """Whether every Django command has this option."""
    return bool(HelpFormatter.LAST.intersection(action.option_strings))


def parser_describe(parser: argparse.ArgumentParser, about: About) -> None:
    """Give a parser its help, and the options that follow from what is said of it."""
    parser.formatter_class = HelpFormatter
    parser.description = "\n\n".join([about.sentence, *about.notes])
    parser.epilog = "\n".join(_epilog(about))
    parser.set_defaults(**{ABOUT: about})
    if about.changes:
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done, and change nothing.")
    if about.prints:
        told = f"Print {about.prints} and nothing else; words go to standard error."
        parser.add_argument("--json", action="store_true", help=told)


def about_of(parser: argparse.ArgumentParser) -> About | None:
    """What was said of it; None of a parser that only leads to its actions."""
    found = parser.get_default(ABOUT)
    return found if isinstance(found, About) else None


def actions_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of its actions, such as `list` of `models`, by their names; empty for one without."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def leaves(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """What can be run of a command, with all that is typed after `manage.py`."""
    actions = actions_of(parser)
    if not actions:
        yield name, parser
    for action, below in actions.items():
        yield from leaves(f"{name} {action}", below)


def examples_of(parser: argparse.ArgumentParser) -> list[tuple[str, str]]:
    """Its examples, or those of its actions."""
    about = about_of(parser)
    if about is not None:
        return list(about.examples)
    return [one for below in actions_of(parser).values() for one in examples_of(below)]


def leading(parser: argparse.ArgumentParser, sentence: str) -> None:
    """Describe a parser whose actions do the work, once they are all there."""
    parser.formatter_class = HelpFormatter
    parser.description = sentence
    about = About(sentence=sentence, examples=examples_of(parser))
    parser.epilog = "\n".join(_epilog(replace(about, prints=Prints.NOTHING)))


def _epilog(about: About) -> Iterator[str]:
    yield "Examples:"
    for command, does in about.examples:
        yield f"  # {does}"
        yield f"  {command}"
    yield ""
    yield "Exit codes:"
    yield from (f"  {line}" for line in meanings())
