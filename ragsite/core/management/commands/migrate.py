"""`manage.py migrate`: Django's own, which makes nobody wait behind it for long."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate

from ragsite.core.commands import base
from ragsite.core.commands.base import Options
from ragsite.core.commands.parsers import About, Prints
from ragsite.core.migrating import Patience, migrations_run

LOCK_SECONDS = 2.0
"""Requests wait for a lock for 5 s: those that queue behind a migration are served, late."""

PATIENCE_SECONDS = 300.0


class Command(base.Command, migrate.Command):
    about = About(
        sentence="Bring the tables to this version, as the role that owns them, beside whoever works.",
        examples=(
            ("manage.py migrate", "all that is due"),
            ("manage.py migrate --dry-run", "what is due"),
            ("manage.py migrate --patience 3600", "try for an hour, as while a backup runs"),
        ),
        changes=True,
        prints=Prints.NOTHING,
        resumed="Run it again: it goes on with the migration that was under way.",
        notes=(
            "A statement waits for a lock for a moment only, as everybody else waits behind it; then its migration is undone and "
            "tried again after some seconds, and it says who is in the way. What is made CONCURRENTLY waits as long as it takes: "
            "nobody waits for that.",
        ),
    )
    _at: Any = None

    def arguments_add(self, parser: CommandParser) -> None:
        migrate.Command.add_arguments(self, parser)
        told = f"Seconds that a statement waits for a lock ({LOCK_SECONDS:g})."
        parser.add_argument("--lock-seconds", type=float, default=LOCK_SECONDS, help=told)
        told = f"Seconds until it is given up, if somebody is in the way all the time ({PATIENCE_SECONDS:g})."
        parser.add_argument("--patience", type=float, default=PATIENCE_SECONDS, help=told)

    def run(self, options: Options) -> None:
        given = options | {"plan": options["plan"] or options["dry_run"]}
        migrations_run(
            lambda: migrate.Command.handle(self, **given),
            alias=options["database"],
            patience=Patience(options["lock_seconds"], options["patience"]),
            doing=lambda: str(self._at or "The migration"),
            say=self.say,
        )

    def migration_progress_callback(self, action: str, migration: Any = None, fake: bool = False) -> None:
        """Django calls it at each step."""
        if action in ("apply_start", "unapply_start"):
            self._at = migration
        super().migration_progress_callback(action, migration, fake)
