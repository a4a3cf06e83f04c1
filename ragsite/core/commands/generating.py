"""Pages of the manual that are made from the code: written, or only compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from django.core.management.base import CommandParser

from ragsite.core.commands.base import Options, Told
from ragsite.core.errors import ConflictError


def check_add(parser: CommandParser) -> None:
    """The option by which the checks of a change call such a command."""
    parser.add_argument("--check", action="store_true", help="Write nothing; fail where a file is out of date.")


def files_write(differing: Mapping[Path, str], options: Options, *, root: Path, command: str) -> Told:
    """Write the files that do not say what the code says; `root` is what their names begin below.

    Raises:
        ConflictError: `--check` was given, and there are some.
    """
    names = [str(path.relative_to(root)) for path in differing]
    if options["check"] and names:
        raise ConflictError(f"Out of date: {', '.join(names)}.", action=f"Run `manage.py {command}`.")
    if not options["dry_run"]:
        for path, text in differing.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    wrote = f"{len(names)} files would be written:" if options["dry_run"] else "Wrote"
    text = f"{wrote} {', '.join(names)}." if names else "All is up to date."
    return Told({"dry_run": options["dry_run"], "files": names}, text)
