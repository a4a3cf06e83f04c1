"""`manage.py second_store`: how complete the copies of uploaded files are."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.management.base import CommandParser

from apps.documents.paired_blobs import second_store
from apps.documents.services.second_copies import (
    copies_of,
    copy_is_whole,
    originals,
    place_now,
    second_store_state,
    uncopied,
    uploads,
)
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.exits import ExitCode
from ragsite.core.commands.parsers import About
from ragsite.core.commands.progress import bar
from ragsite.core.errors import ConfigurationError
from ragsite.core.storage.store import BlobStore

NAMES = 20
"""Damaged copies that are named."""


class Command(base.Command):
    about = About(
        sentence="Say how many uploaded files the store of RAGSITE_SECOND_BLOB_STORE lacks, and read its copies if asked to.",
        examples=(
            ("manage.py second_store", "how many files have no copy yet"),
            ("manage.py second_store --read", "read every copy and hold it against the hash of its upload"),
        ),
        notes=(
            "The job `blobs-copy` makes what is missing. A copy that is found missing or damaged is made anew by it.",
            "Without --read it asks PostgreSQL alone.",
        ),
        changes=True,
        resumed="Run it again: it begins with the first copy.",
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("--read", action="store_true", help="Read every copy.")

    def run(self, options: Options) -> Told:
        """Raises ConfigurationError: there is no second store."""
        store, state = second_store(), second_store_state()
        if store is None or state is None:
            raise ConfigurationError("There is no second store.", action="Name one in RAGSITE_SECOND_BLOB_STORE.")
        wrong = list(_read(store, forget=not options["dry_run"])) if options["read"] else []
        total, lacking = uploads().count(), uncopied(place_now()).count()
        told = {
            "files": total, "uncopied": lacking, "faulty": state.faulty, "wrong": len(wrong),
            "compared_at": state.compared_at.isoformat() if state.compared_at else None,
        }  # fmt: skip
        text = [f"{total:,} uploaded files, {lacking:,} without a copy."]
        if state.faulty:
            text.append(f"{state.faulty:,} can't be copied: the first store has lost or damaged them.")
        if wrong:
            text.append(f"{len(wrong):,} copies were missing or damaged: {', '.join(wrong[:NAMES])}")
        return Told(told, "\n".join(text), ExitCode.FAILED if wrong or state.faulty else ExitCode.DONE)


def _read(store: BlobStore, *, forget: bool) -> Iterator[str]:
    """The names of copies that are not as they must be."""
    rows = copies_of(place_now())
    with bar("Copies", rows.count()) as progress:
        for original in originals(rows):
            if not copy_is_whole(store, original, forget=forget):
                yield original.name
            progress.advance()
