"""`manage.py transfer`: export a tenant or a knowledge base, and import it into another installation, or under another tenant."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from ragsite.backups.manifest import Fault
from ragsite.backups.places import place_at
from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.exits import ExitCode
from ragsite.core.commands.parsers import About
from ragsite.core.commands.progress import bar
from ragsite.transfers.arriving import Lost
from ragsite.transfers.exporting import export_create, export_foresee
from ragsite.transfers.importing import Imported, export_import, export_verify
from ragsite.transfers.landing import Destination
from ragsite.transfers.manifest import Manifest

ACTOR = Actor.of_command("manage.py transfer")
PLACE = "A folder, or `s3://bucket/prefix?endpoint_url=…&region=…`, for one export alone."
WHAT = "folder of exports"
NAMED = 20
"""What was left out, and faults, that are told in words."""

EXPORT = About(
    sentence="Export a tenant, or one of its knowledge bases, as of one moment.",
    examples=(
        ("manage.py transfer export /mnt/harbour --tenant harbour", "all of the tenant"),
        ("manage.py transfer export /mnt/handbooks --tenant harbour --knowledge-base Handbooks", "one knowledge base"),
        ("manage.py transfer export 's3://moves/harbour?region=eu-central-1' --tenant harbour --dry-run", "how much"),
    ),
    changes=True,
    resumed="Run it again with the same place: blobs that were copied are not copied again.",
    notes=(
        "Everything goes on meanwhile. Documents with all their versions, files, metadata, tags, grants and edits travel, "
        "evaluation sets, and questions with their answers, citations and feedback. What is derived is made again.",
        "The export has all of it in clear, and the names and e-mail addresses of people who have a grant or asked.",
    ),
)
VERIFY = About(
    sentence="Read all of an export, and look at each row and file.",
    examples=(("manage.py transfer verify /mnt/harbour", "whether it could be imported"),),
)
IMPORT = About(
    sentence="Import an export into this installation: all of it, or nothing.",
    examples=(
        ("manage.py transfer import /mnt/harbour", "as the tenant that it was"),
        ("manage.py transfer import /mnt/harbour --new-tenant 'Harbour, copy'", "as a tenant of another name"),
        ("manage.py transfer import /mnt/handbooks --into pilots --dry-run", "what would come of it"),
        ("manage.py transfer import /mnt/handbooks --into pilots --rename 'Handbooks=Harbour'", "under another name"),
    ),
    changes=True,
    resumed="Run it again: what was not finished has left nothing.",
    notes=(
        "Documents are found as soon as workers have indexed them.",
        "Grants go to who has the same name here, and the same e-mail address if both have one, and belongs to the tenant. "
        "Who does not is told, and gets nothing. A tenant that was there gets no members.",
    ),
)


class Command(base.Command):
    sentence = "Export a tenant or a knowledge base, and import it elsewhere."
    reads_settings = True

    def arguments_add(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        export = self.action_add(actions, "export", EXPORT)
        verify = self.action_add(actions, "verify", VERIFY)
        import_ = self.action_add(actions, "import", IMPORT)
        for action in (export, verify, import_):
            action.add_argument("place", metavar="PLACE", help=PLACE)
        export.add_argument("--tenant", required=True, metavar="SLUG", help="The short name of the tenant.")
        export.add_argument("--knowledge-base", metavar="NAME", help="Only this one of it, by its name or id.")
        to = import_.add_mutually_exclusive_group()
        to.add_argument("--into", default="", metavar="SLUG", help="The short name of a tenant that is there.")
        to.add_argument("--new-tenant", default="", metavar="NAME", help="The name of a tenant that is made for it.")
        import_.add_argument(
            "--rename", type=_renaming, action="append", default=[], metavar="OLD=NEW",
            help="Another name for a knowledge base; may be given several times.",
        )  # fmt: skip

    def run(self, options: Options) -> Told:
        return {"export": _export, "verify": _verify, "import": _import}[options["action"]](options)


def _renaming(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form OLD=NEW")
    return old, new


def _export(options: Options) -> Told:
    place = place_at(options["place"], what=WHAT)
    tenant, base_name = options["tenant"], options["knowledge_base"]
    if options["dry_run"]:
        seen = export_foresee(tenant, base_name)
        text = (
            f"{seen.knowledge_bases:,} knowledge bases with {seen.documents:,} documents in {seen.versions:,} versions, "
            f"and {seen.blobs:,} blobs of {seen.blob_bytes:,} bytes would be exported."
        )
        return Told({"dry_run": True, **asdict(seen)}, text)
    with bar("Files", None) as shown:
        manifest = export_create(place, tenant, base_name, tell=lambda _: shown.advance(), actor=ACTOR)
    text = "\n".join([_line(manifest), *_lacking(manifest.faults)])
    code = ExitCode.FAILED if manifest.faults else ExitCode.DONE
    return Told({"dry_run": False, **_manifest_json(manifest)}, text, code)


def _verify(options: Options) -> Told:
    place = place_at(options["place"], what=WHAT, written=False)
    with bar("Files", None) as shown:
        manifest, _ = export_verify(place, tell=lambda _: shown.advance())
    return Told(_manifest_json(manifest), "\n".join([f"{_line(manifest)}: whole", *_lacking(manifest.faults)]))


def _import(options: Options) -> Told:
    place = place_at(options["place"], what=WHAT, written=False)
    to = Destination(options["into"], options["new_tenant"], dict(options["rename"]))
    dry = options["dry_run"]
    with bar("Files", None) as shown:
        done = export_import(place, to, dry_run=dry, tell=lambda _: shown.advance(), actor=ACTOR)
    told = {
        "dry_run": dry, "id": done.manifest.id, "tenant": done.tenant, "is_new_tenant": done.is_new_tenant,
        "ids_kept": done.ids_kept, "knowledge_bases": done.knowledge_bases, "rows": done.rows,
        "blobs": done.manifest.blobs.files, "lost": [asdict(one) for one in done.lost],
        "faults": [asdict(one) for one in done.faults],
    }  # fmt: skip
    return Told(told, "\n".join(_imported_lines(done, dry)))


def _imported_lines(done: Imported, dry: bool) -> list[str]:
    made = "new tenant" if done.is_new_tenant else "tenant"
    verb = "would be" if dry else "are"
    lines = [
        f"{len(done.knowledge_bases):,} knowledge bases {verb} imported into the {made} {done.tenant}:",
        f"  {done.rows['documents']:,} documents in {done.rows['versions']:,} versions, with {done.rows['grants']:,} grants",
        f"  {done.rows['evaluation_sets']:,} evaluation sets, {done.rows['answers']:,} answers",
        f"  ids are {'those that they had' if done.ids_kept else 'new ones, as some were taken'}",
        *_lost_lines(done.lost),
        *_lacking(done.faults),
    ]
    return lines if dry else [*lines, "Documents are found as soon as workers have indexed them."]


def _lost_lines(lost: Sequence[Lost]) -> list[str]:
    lines = [f"  left out: {one.what}: {one.why}" for one in lost[:NAMED]]
    return [*lines, f"  and {len(lost) - NAMED:,} more"] if len(lost) > NAMED else lines


def _lacking(faults: Sequence[Fault]) -> list[str]:
    lines = [f"  the export lacks {one.name}: {one.what}" for one in faults[:NAMED]]
    return [*lines, f"  and {len(faults) - NAMED:,} more"] if len(faults) > NAMED else lines


def _manifest_json(manifest: Manifest) -> dict[str, Any]:
    return asdict(manifest) | {"rows": manifest.rows, "bytes": manifest.bytes}


def _line(manifest: Manifest) -> str:
    what = f"tenant {manifest.slug}" if manifest.is_whole else f"1 knowledge base of tenant {manifest.slug}"
    return f"{what} of {manifest.made_at}  {manifest.rows:,} rows, {manifest.blobs.files:,} blobs, {manifest.bytes:,} bytes"
