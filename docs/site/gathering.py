"""All pages of the site in one folder: those of `docs/`, those beside it, and those that are generated."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from docs.site.navigation import navigation

DOCS = Path(__file__).resolve().parents[1]
PROJECT = DOCS.parent
SITE = DOCS / "site"
BESIDE = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
"""Pages that stand beside `docs/`, by what they are called in the site."""
FILES = ("LICENSE",)
FOLDERS = ("events", "pictures")
LINKS = {
    "](../CONTRIBUTING.md": "](contributing.md",
    "](../../CHANGELOG.md": "](../changelog.md",
    "](adr/)": "](adr/index.md)",
}
"""Links of pages in `docs/` to what stands elsewhere in the site."""
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
    for name in FILES:
        shutil.copy(PROJECT / name, folder / name)
    for name in FOLDERS:
        shutil.copytree(DOCS / name, folder / name)


def _pages() -> Iterator[tuple[str, str]]:
    """The Markdown of `docs/` and beside it, by its path in the site."""
    for path in sorted(DOCS.rglob("*.md")):
        name = path.relative_to(DOCS).as_posix()
        if not name.startswith("_build/"):
            yield name, _linked(path.read_text())
    for name, path_beside in BESIDE.items():
        yield name, re.sub(r"\]\(docs/", "](", (PROJECT / path_beside).read_text())


def _linked(text: str) -> str:
    """The page with links as the site has them."""
    for of, to in LINKS.items():
        text = text.replace(of, to)
    return text


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
