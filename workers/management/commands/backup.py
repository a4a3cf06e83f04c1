"""`manage.py backup`: make backups while everything goes on, verify, list and remove them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from ragsite.backups.creating import backup_create, backup_foresee
from ragsite.backups.keeping import Kept, backup_remove, backups_list
from ragsite.backups.manifest import Fault, Manifest, manifest_chosen
from ragsite.backups.model_files import ModelsKept
from ragsite.backups.places import place_at
from ragsite.backups.verifying import backup_verify
from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.exits import ExitCode
from ragsite.core.commands.parsers import About
from ragsite.core.commands.progress import bar

ACTOR = Actor.of_command("manage.py backup")
PLACE = "A folder, or `s3://bucket/prefix?endpoint_url=…&region=…`; of one installation alone."
NAMED = 20
"""Faults that are told in words."""

CREATE = About(
    sentence="Make a backup: the database as of one moment, the blobs that it names, models that are nowhere else.",
    examples=(
        ("manage.py backup create /mnt/backups", "into a folder"),
        ("manage.py backup create /mnt/backups --keep 7", "and remove all but the newest seven"),
        ("manage.py backup create 's3://backups/ragsite?region=eu-central-1' --dry-run", "how much would be copied"),
    ),
    changes=True,
    resumed="Run it again: blobs that were copied are not copied again.",
    notes=(
        "Everything goes on meanwhile. Blobs that are in the place already, of an earlier backup, are not copied again.",
        "Keys are not in a backup: keep RAGSITE_SECRET_KEY apart from it.",
    ),
)
LIST = About(
    sentence="List the backups of a place, the oldest first.",
    examples=(("manage.py backup list /mnt/backups", "a line for each; one that was interrupted is unfinished"),),
)
VERIFY = About(
    sentence="Read all of a backup, and name what is missing or damaged.",
    examples=(
        ("manage.py backup verify /mnt/backups", "the newest"),
        ("manage.py backup verify /mnt/backups --backup 20260504T020000Z-01f2e3", "another one"),
    ),
    notes=("Remove a damaged blob from the place: if the installation still has it, the next backup copies it again.",),
)
REMOVE = About(
    sentence="Remove a backup, and the bytes that no other names.",
    examples=(("manage.py backup remove /mnt/backups 20260504T020000Z-01f2e3", "also one that is unfinished"),),
    changes=True,
)


class Command(base.Command):
    sentence = "Make backups while everything goes on; list, verify and remove them."

    def arguments_add(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = self.action_add(actions, "create", CREATE)
        verify = self.action_add(actions, "verify", VERIFY)
        remove = self.action_add(actions, "remove", REMOVE)
        for action in (create, self.action_add(actions, "list", LIST), verify, remove):
            action.add_argument("place", metavar="PLACE", help=PLACE)
        create.add_argument(
            "--keep", type=_number, metavar="N", help="Remove all but the newest N, and unfinished ones."
        )
        create.add_argument(
            "--models", type=ModelsKept, choices=list(ModelsKept), default=ModelsKept.OWN, metavar="WHICH",
            help="Whose files are kept: `own` folders that were registered, `all` also of downloaded ones, or `none`.",
        )  # fmt: skip
        verify.add_argument("--backup", metavar="ID", help="Not the newest, but this one.")
        remove.add_argument("backup", metavar="ID", help="The backup.")

    def run(self, options: Options) -> Told:
        return {"create": _create, "list": _list, "verify": _verify, "remove": _remove}[options["action"]](options)


def _number(text: str) -> int:
    """A number of backups to keep. Raises ValueError, which is told as wrong usage."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def _create(options: Options) -> Told:
    place = place_at(options["place"])
    if options["dry_run"]:
        seen = backup_foresee(place)
        text = f"The database of {seen.database_bytes:,} bytes and {seen.missing:,} of {seen.blobs:,} blobs"
        return Told({"dry_run": True, **asdict(seen)}, f"{text} ({seen.missing_bytes:,} bytes) would be copied.")
    with bar("Files", None) as shown:
        manifest, removed = backup_create(
            place, models=options["models"], keep=options["keep"], tell=lambda _: shown.advance(), actor=ACTOR
        )
    lines = [_line(manifest), *(f"removed: {one}" for one in removed), *_fault_lines(manifest.faults)]
    code = ExitCode.FAILED if manifest.faults else ExitCode.DONE
    return Told({"dry_run": False, **_manifest_json(manifest), "removed": removed}, "\n".join(lines), code)


def _list(options: Options) -> Told:
    found = backups_list(place_at(options["place"]))
    return Told([_kept_json(one) for one in found], "\n".join(map(_kept_line, found)))


def _verify(options: Options) -> Told:
    place = place_at(options["place"])
    manifest = manifest_chosen(place, options["backup"])
    with bar("Files", manifest.blobs.files + manifest.models.files + len(manifest.files)) as shown:
        faults = backup_verify(place, manifest, tell=lambda _: shown.advance())
    told = {
        "id": manifest.id,
        "faults": [asdict(one) for one in faults],
        "lacking": [asdict(one) for one in manifest.faults],
    }
    lines = [f"{manifest.id}  {len(faults)} files are missing or damaged", *_fault_lines(faults)]
    if manifest.faults:
        lines += ["When it was made, these could not be copied:", *_fault_lines(manifest.faults)]
    return Told(told, "\n".join(lines), ExitCode.FAILED if faults else ExitCode.DONE)


def _remove(options: Options) -> Told:
    place, backup = place_at(options["place"]), options["backup"]
    if options["dry_run"]:
        there = [one for one in backups_list(place) if one.id == backup]
        text = f"{len(there)} backup would be removed, with what no other names."
        return Told({"dry_run": True, "backups": [one.id for one in there]}, text)
    gone = backup_remove(place, backup, actor=ACTOR)
    return Told({"dry_run": False, "id": backup, "files": gone}, f"{backup}  removed, with {gone:,} files")


def _manifest_json(manifest: Manifest) -> dict[str, Any]:
    told = asdict(manifest)
    return {name: value for name, value in told.items() if name not in {"keys", "migrations"}} | {
        "bytes": manifest.bytes
    }


def _kept_json(kept: Kept) -> dict[str, Any]:
    state = "damaged" if kept.damaged else "finished" if kept.manifest else "unfinished"
    return {"id": kept.id, "state": state} | (_manifest_json(kept.manifest) if kept.manifest else {})


def _kept_line(kept: Kept) -> str:
    if kept.manifest:
        return _line(kept.manifest)
    return f"{kept.id}  {'its manifest is damaged' if kept.damaged else 'unfinished: it was interrupted, or is being made'}"


def _line(manifest: Manifest) -> str:
    blobs = f"{manifest.blobs.files:,} blobs ({manifest.blobs.copied:,} copied)"
    models = f", {manifest.models.files:,} files of models" if manifest.models.files else ""
    lacking = f", {len(manifest.faults)} could not be copied" if manifest.faults else ""
    return f"{manifest.id}  version {manifest.version}, {manifest.bytes:,} bytes, {blobs}{models}{lacking}"


def _fault_lines(faults: list[Fault]) -> list[str]:
    lines = [f"  {one.name}: {one.what}" for one in faults[:NAMED]]
    return [*lines, f"  and {len(faults) - NAMED:,} more"] if len(faults) > NAMED else lines
