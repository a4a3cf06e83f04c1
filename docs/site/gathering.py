"""All pages of the site in one folder: those of `docs/`, those beside it, and those that are generated."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from docs.site.navigation import navigation

DOCS = Path(__file__).resolve().parents[1]
PROJECT = DOCS.parent
SITE = DOCS / "site"
PLACES = {
    PROJECT / "CONTRIBUTING.md": DOCS / "contributing.md",
    PROJECT / "CHANGELOG.md": DOCS / "changelog.md",
    PROJECT / "LICENSE": DOCS / "LICENSE",
    DOCS / "adr": DOCS / "adr" / "index.md",
}
"""What stands elsewhere in the site than in the project, where it is as if it stood in `docs/`."""
FOLDERS = ("events", "pictures")
LINK = re.compile(r"\[([^\]\n]+)\]\((?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")
OUTSIDE = "---\norphan: true\n---\n\n"
"""What says of a page that the navigation does not have it: the list of the decisions has them all."""
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def gather(folder: Path, *, generated: Mapping[str, str]) -> None:
    """Write all that Sphinx reads into the folder, which is emptied first, with the generated pages among it."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = dict(_pages()) | dict(generated)
    decisions = {name: text for name, text in pages.items() if name.startswith("adr/")}
    pages |= {name: OUTSIDE + text for name, text in decisions.items()}
    pages["adr/index.md"] = _decisions(decisions)
    pages["index.md"] += "\n" + navigation(name.removesuffix(".md") for name in pages)
    for name, text in pages.items():
        _write(folder / name, text)
    shutil.copy(PROJECT / "LICENSE", folder)
    for name in FOLDERS:
        shutil.copytree(DOCS / name, folder / name)


def _pages() -> Iterator[tuple[str, str]]:
    """The Markdown of `docs/` and beside it, by its path in the site."""
    for path in (*sorted(DOCS.rglob("*.md")), *(path for path in PLACES if path.suffix == ".md")):
        place = PLACES.get(path, path)
        name = place.relative_to(DOCS).as_posix()
        if not name.startswith("_build/"):
            yield name, _linked(path.read_text(), path.parent, place.parent)


def _linked(text: str, folder: Path, place: Path) -> str:
    """The page of a folder with links as they lead from its place in the site. What the site lacks is named, without a link."""

    def linked(found: re.Match[str]) -> str:
        label, to, heading = found[1], (folder / found[2]).resolve(), found[3] or ""
        if _is_there(to):
            return f"[{label}]({os.path.relpath(PLACES.get(to, to), place)}{heading})"
        named = f"`{os.path.relpath(to, PROJECT)}`"
        return named if label.strip("`") == named.strip("`") else f"{label} ({named})"

    return LINK.sub(linked, text)


def _is_there(path: Path) -> bool:
    """Whether the site has it. What is nowhere counts as there, so that its link is found to be broken."""
    is_page = path.suffix == ".md" and path.is_relative_to(DOCS)
    return path in PLACES or is_page or path.parent.name in FOLDERS or not path.exists()


def _decisions(pages: Mapping[str, str]) -> str:
    """The list of the decisions, the newest first."""
    found = [(name.removeprefix("adr/"), TITLE.search(text)) for name, text in sorted(pages.items(), reverse=True)]
    rows = [f"- [{title[1]}]({name})" for name, title in found if title]
    head = (
        "# Decisions\n\nEach record has the question, the choice, the options that were rejected and why, and what "
        "follows. A record is not\nrewritten; a later one replaces it.\n"
    )
    return "\n".join([head, *rows, ""])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
