"""`manage.py restore`: a backup, into an empty installation."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from ragsite.backups.creating import settings_given
from ragsite.backups.manifest import Manifest, manifest_chosen
from ragsite.backups.places import place_at
from ragsite.backups.restoring import Restored, restore, restore_check
from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.exits import ExitCode
from ragsite.core.commands.parsers import About
from ragsite.core.commands.progress import bar

ACTOR = Actor.of_command("manage.py restore")
NAMED = 20


class Command(base.Command):
    about = About(
        sentence="Restore a backup into an empty installation, and show that it is whole.",
        examples=(
            (
                "manage.py restore /mnt/backups --dry-run",
                "read all of the newest, and say whether it can be restored here",
            ),
            ("manage.py restore /mnt/backups", "restore it"),
            ("manage.py restore /mnt/backups --backup 20260504T020000Z-01f2e3", "another one"),
        ),
        changes=True,
        resumed="Run it again: it goes on with the same backup.",
        notes=(
            "All of the backup is read and held against its digests before anything is written. Nothing that is there is "
            "overwritten: a database with tables, or a store with other blobs, is refused.",
            "Give the RAGSITE_SECRET_KEY of the time of the backup; on one machine, put its file `secret_key` into "
            "RAGSITE_DATA_DIR.",
        ),
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("place", metavar="PLACE", help="Where the backup is, as `backup create` was given it.")
        parser.add_argument("--backup", metavar="ID", help="Not the newest, but this one.")
        parser.add_argument(
            "--without-keys", action="store_true",
            help="Restore although a key is another one: second factors, and keys of servers, must be given again.",
        )  # fmt: skip

    def run(self, options: Options) -> Told:
        place = place_at(options["place"])
        manifest = manifest_chosen(place, options["backup"])
        for line in _beside(manifest):
            self.say(line)
        with bar("Files", None) as shown:
            how: dict[str, Any] = {"without_keys": options["without_keys"], "tell": lambda _: shown.advance()}
            if options["dry_run"]:
                lacking = restore_check(place, manifest, **how).lacking
                text = (
                    f"{manifest.id} of {manifest.made_at} can be restored here; {len(lacking)} migrations would follow."
                )
                return Told({"dry_run": True, "id": manifest.id, "migrations": lacking}, text)
            return _told(restore(place, manifest, **how, actor=ACTOR))


def _beside(manifest: Manifest) -> list[str]:
    """What the installation had that this one has not."""
    lacking = sorted(set(manifest.settings) - set(settings_given()) - set(os.environ))
    return [f"Given when the backup was made, and not here: {', '.join(lacking)}."] if lacking else []


def _told(done: Restored) -> Told:
    told = {
        "dry_run": False, "id": done.manifest.id, "made_at": done.manifest.made_at, "rows": sum(done.manifest.rows.values()),
        "blobs": done.manifest.blobs.files, "migrations": done.migrated, "released": done.released,
        "faults": [asdict(one) for one in done.faults], "tables_that_differ": done.rows, "search": asdict(done.looked),
    }  # fmt: skip
    return Told(told, "\n".join(_lines(done)), ExitCode.DONE if done.is_whole else ExitCode.FAILED)


def _lines(done: Restored) -> list[str]:
    lines = [
        f"{done.manifest.id} of {done.manifest.made_at} is restored:",
        f"  {sum(done.manifest.rows.values()):,} rows and {done.manifest.blobs.files:,} blobs",
        f"  {len(done.migrated)} migrations followed",
        f"  {done.released:,} rows that workers held can be claimed again",
        _searched(done),
    ]
    lines += [f"  {table} has {now:,} rows and had {then:,}" for table, (then, now) in done.rows.items()]
    lines += [f"  {one.name}: {one.what}" for one in done.faults[:NAMED]]
    if len(done.faults) > NAMED:
        lines.append(f"  and {len(done.faults) - NAMED:,} more blobs")
    return [
        *lines,
        "Next: `manage.py models list` and `models verify`, as downloaded models are not in a backup; then start it.",
    ]


def _searched(done: Restored) -> str:
    looked = done.looked
    if not looked.title:
        return "  no document is indexed that everybody may read, so none was searched for"
    how = {(True, True): "is found by words and by vector", (True, False): "is found by words, and not by vector"}
    told = how.get((looked.by_words, looked.by_vector), "is not found by words")
    return f"  a passage of {looked.title!r} {told}"
