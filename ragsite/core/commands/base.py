"""What every management command of ours has in common: help, `--dry-run`, `--json`, exit codes, a clean end by Ctrl-C."""

from __future__ import annotations

import os
import sys
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ragsite.core.commands.exits import ExitCode, error_told, error_write, exit_code_of, json_text
from ragsite.core.commands.parsers import ABOUT, About, HelpFormatter, leading, parser_describe
from ragsite.core.commands.reaching import told_error
from ragsite.core.dynamic.following import settings_read
from ragsite.core.errors import RagError

NO_READER = 141
"""As a shell says it of a program whose reader, such as `head`, has gone."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a command has to say at its end: as JSON, and as text for people."""

    json: Any
    text: str
    code: ExitCode = ExitCode.DONE


Options = dict[str, Any]


class Command(BaseCommand):
    """A door of the operator's: it parses, calls services, and says what came of it.

    One that does one thing has `about`. One with several actions has `sentence`, and adds them by `action_add`.
    """

    # For these Django would import all that the web process serves; `manage.py check` and the tests do so.
    requires_system_checks = ()
    about: ClassVar[About | None] = None
    sentence: ClassVar[str] = ""
    reads_settings: ClassVar[bool] = False
    """Whether what it does goes by settings that were changed while the system runs."""

    @abstractmethod
    def run(self, options: Options) -> Told | None:
        """Do it. None where all was said meanwhile."""

    def arguments_add(self, parser: CommandParser) -> None:
        """Add what the command takes; `--json` and `--dry-run` come of themselves."""

    def action_add(self, actions: Any, name: str, about: About) -> CommandParser:
        """The parser of one of several actions, which is described by `about`."""
        parser: CommandParser = actions.add_parser(name, help=about.sentence, formatter_class=HelpFormatter)
        parser_describe(parser, about)
        return parser

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's parser with our help."""
        parser = super().create_parser(prog_name, subcommand, formatter_class=HelpFormatter, **kwargs)
        if self.about is not None:
            parser_describe(parser, self.about)
        else:
            leading(parser, self.sentence)
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """Django's name for it."""
        self.arguments_add(parser)

    def execute(self, *args: Any, **options: Any) -> Any:
        """Run it; whatever ends it early is said in one line, and by the exit code.

        Raises:
            CommandError: it could not be done, and the caller is a program that called the command by its name.
        """
        try:
            return super().execute(*args, **options)
        except KeyboardInterrupt as stop:
            self._interrupted(stop, options)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(NO_READER)
        except Exception as error:
            told = _told(error)
            if told is None or options["traceback"]:
                raise
            self._failed(told, error, options)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it, and print what it says."""
        if self.reads_settings:
            settings_read()
        told = self.run(options)
        if told is not None:
            self.tell(options, told.json, told.text)
            if told.code:
                sys.exit(told.code)

    def tell(self, options: Options, as_json: Any, text: str) -> None:
        """A result, for programs or for people."""
        line = json_text(as_json) if options.get("json") else text
        if line:
            self.stdout.write(line)

    def say(self, line: str) -> None:
        """Words beside the result."""
        self.stderr.write(line, _plain)

    def _failed(self, told: RagError, error: Exception, options: Options) -> NoReturn:
        code = error.returncode if isinstance(error, CommandError) else exit_code_of(told)
        if getattr(self, "_called_from_command_line", False):
            error_write(told, stdout=self._json_out(options), stderr=self.stderr)
            sys.exit(code)
        if isinstance(error, CommandError):
            raise error
        raise CommandError(told.sentence, returncode=code) from error

    def _interrupted(self, stop: KeyboardInterrupt, options: Options) -> NoReturn:
        about: About = options[ABOUT]
        if (out := self._json_out(options)) is not None:
            out.write(f"{json_text(error_told('interrupted', 'It was interrupted.', about.resumed))}\n")
        self.say(f"Interrupted. {about.resumed}")
        sys.exit(getattr(stop, "exit_code", ExitCode.INTERRUPTED))

    def _json_out(self, options: Options) -> Any:
        return self.stdout if options.get("json") else None


def _told(error: Exception) -> RagError | None:
    return RagError(str(error)) if isinstance(error, CommandError) else told_error(error)


def _plain(line: str) -> str:
    return line
