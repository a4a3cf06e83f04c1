"""`manage.py docs_commands`: the manual's page of commands is made from their parsers."""

from __future__ import annotations

from django.core.management.base import CommandParser

from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.docs import page
from ragsite.core.commands.generating import check_add, files_write
from ragsite.core.commands.parsers import About
from ragsite.core.environment import PROJECT_DIR
from workers.commands import commands_all

PAGE = PROJECT_DIR / "docs" / "commands.md"


class Command(base.Command):
    about = About(
        sentence="Write docs/commands.md, the page of all commands, from their parsers.",
        examples=(
            ("manage.py docs_commands", "after a command was changed or added"),
            ("manage.py docs_commands --check", "whether that was forgotten"),
        ),
        changes=True,
    )

    def arguments_add(self, parser: CommandParser) -> None:
        check_add(parser)

    def run(self, options: Options) -> Told:
        made = page(commands_all())
        is_there = PAGE.exists() and PAGE.read_text() == made
        return files_write({} if is_there else {PAGE: made}, options, root=PROJECT_DIR, command="docs_commands")
