"""Documents for load: each says something of its own, so that none is a twin of another."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

WORDS = [
    "harbour",
    "crane",
    "ferry",
    "tide",
    "pilot",
    "buoy",
    "rope",
    "anchor",
    "lantern",
    "channel",
    "quay",
    "cargo",
    "manifest",
    "berth",
    "signal",
    "weather",
]


def write_documents(folder: Path, *, count: int, sentences: int, seed: int) -> list[Path]:
    """Markdown files of the given number of sentences."""
    chance = random.Random(seed)
    return [_write(folder / f"report-{seed}-{number}.md", sentences, chance) for number in range(count)]


def _write(path: Path, sentences: int, chance: random.Random) -> Path:
    lines = [f"# {path.stem}\n"]
    for number in range(sentences):
        lines.append(f"Entry {number} of {path.stem} says that {' '.join(chance.choices(WORDS, k=14))}.")
        if number % 8 == 7:
            lines.append(f"\n## Part {number // 8}\n")
    path.write_text("\n".join(lines))
    return path


def write_mixed_documents(folder: Path, *, count: int, seed: int) -> list[Path]:
    """Short Markdown, text, CSV and HTML files in turn, each of a few chunks."""
    chance = random.Random(seed)
    return [_write_mixed(folder / f"mixed-{seed}-{number}", number, chance) for number in range(count)]


def _write_mixed(stem: Path, number: int, chance: random.Random) -> Path:
    suffix = (".md", ".txt", ".csv", ".html")[number % 4]
    subject, path = f"{stem.name}{suffix}", stem.with_suffix(suffix)
    entries = [f"Entry {n} of {subject}: {' '.join(chance.choices(WORDS, k=9))}." for n in range(chance.randint(2, 4))]
    path.write_text(_BODIES[suffix](subject, entries))
    return path


_BODIES: dict[str, Callable[[str, list[str]], str]] = {
    ".md": lambda subject, entries: f"# {subject}\n\n" + "\n\n## More\n\n".join(entries),
    ".txt": lambda subject, entries: f"{subject}\n\n" + "\n".join(entries),
    ".csv": lambda subject, entries: "number,entry\n" + "".join(f"{n},{e}\n" for n, e in enumerate(entries)),
    ".html": lambda subject, entries: f"<h1>{subject}</h1>" + "".join(f"<p>{entry}</p>" for entry in entries),
}
