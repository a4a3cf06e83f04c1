"""`manage.py blobs_copy`: the uploaded bytes, to another store."""

from __future__ import annotations

from django.core.management.base import CommandParser

from apps.documents.services.copying import blobs_copy
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About
from ragsite.core.commands.progress import bar


class Command(base.Command):
    about = About(
        sentence="Copy every uploaded file from where RAGSITE_BLOB_STORE says to another place, while the system runs.",
        examples=(
            ("manage.py blobs_copy 's3://documents?region=eu-central-1' --dry-run", "how many a bucket lacks"),
            ("manage.py blobs_copy 's3://documents?region=eu-central-1'", "into that bucket"),
            ("manage.py blobs_copy files", "from a bucket into the data folder"),
        ),
        notes=("What is there already is passed over. Run it once more when the system is stopped.",),
        changes=True,
        resumed="Run it again: what was copied is passed over.",
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("target", metavar="TARGET", help="`files` or `s3://bucket/prefix?endpoint_url=…&region=…`.")

    def run(self, options: Options) -> Told:
        copied = there = 0
        dry = options["dry_run"]
        with bar("Blobs", None) as progress:
            for page in blobs_copy(options["target"], dry_run=dry):
                copied, there = copied + page.copied, there + page.there
                progress.to(copied + there)
        text = (
            f"{copied:,} would be copied, {there:,} are there." if dry else f"{copied:,} copied, {there:,} were there."
        )
        return Told({"dry_run": dry, "copied": copied, "there": there}, text)
