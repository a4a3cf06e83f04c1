"""`manage.py event_schemas`: what the manual says of events is made from their classes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ragsite.core.environment import PROJECT_DIR
from ragsite.core.event_schemas import docs_contradicting, docs_differing

DOCS = PROJECT_DIR / "docs"


class Command(BaseCommand):
    help = "Write the JSON Schemas of all events into docs/events, and the table of docs/events.md."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        if contradicting := docs_contradicting(DOCS):
            raise CommandError("\n".join(contradicting))
        differing = docs_differing(DOCS)
        names = [str(path.relative_to(PROJECT_DIR)) for path in differing]
        if options["check"] and names:
            raise CommandError(f"Out of date: {', '.join(names)}. Run `manage.py event_schemas`.")
        for path, text in differing.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        self.stdout.write(f"Wrote {', '.join(names)}." if names else "All is up to date.")
