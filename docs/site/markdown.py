"""Small pieces of Markdown, of which generated pages are made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

HTML = re.compile(r"(`[^`]*`)|<(?=[A-Za-z/!])")
"""What would begin an element; code is kept as it is."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, and an empty line behind it; nothing where there are no rows."""
    lines = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *lines, ""])


def target(name: str) -> str:
    """An anchor before the next heading, that links of other pages lead to by `#name`."""
    return f"({name})=\n"


def code(value: object) -> str:
    """As code; nothing for nothing."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if text else ""


def words(text: str) -> str:
    """Text that was written for people, on one line, with no HTML in it."""
    return HTML.sub(lambda found: found[1] or "&lt;", " ".join(text.split()))


def slug(name: str) -> str:
    """The name as an anchor has it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")
