"""`manage.py event_schemas`: what the manual says of events is made from their classes."""

from __future__ import annotations

from django.core.management.base import CommandParser

from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.generating import check_add, files_write
from ragsite.core.commands.parsers import About
from ragsite.core.environment import PROJECT_DIR
from ragsite.core.errors import ConflictError
from ragsite.core.event_schemas import docs_contradicting, docs_differing

DOCS = PROJECT_DIR / "docs"


class Command(base.Command):
    about = About(
        sentence="Write the JSON Schemas of all events into docs/events, and the table of docs/events.md.",
        examples=(
            ("manage.py event_schemas", "after an event was changed or added"),
            ("manage.py event_schemas --check", "whether that was forgotten"),
        ),
        changes=True,
    )

    def arguments_add(self, parser: CommandParser) -> None:
        check_add(parser)

    def run(self, options: Options) -> Told:
        if contradicting := docs_contradicting(DOCS):
            raise ConflictError("\n".join(contradicting))
        return files_write(docs_differing(DOCS), options, root=PROJECT_DIR, command="event_schemas")
