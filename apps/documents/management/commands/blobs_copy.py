"""`manage.py blobs_copy`: the uploaded bytes, to another store."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.documents.services.copying import blobs_copy
from ragsite.core.errors import RagError

INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Copy every uploaded file from where RAGSITE_BLOB_STORE says to another place, while the system runs. What is there is "
        "passed over, so run it again after an interruption, and once more when the system is stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("target", metavar="TARGET", help="`files` or `s3://bucket/prefix?endpoint_url=…&region=…`.")

    def handle(self, *args: Any, **options: Any) -> None:
        copied = there = 0
        try:
            for page in blobs_copy(options["target"]):
                copied, there = copied + page.copied, there + page.there
                self.stderr.write(f"{copied + there:,} blobs")
        except RagError as error:
            raise CommandError(f"{copied:,} copied. {error.sentence}") from error
        except KeyboardInterrupt:
            self.stdout.write(f"Interrupted: {copied:,} copied, {there:,} were there.")
            sys.exit(INTERRUPTED)
        self.stdout.write(f"{copied:,} copied, {there:,} were there.")
