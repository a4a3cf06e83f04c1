"""Documents for load: each says something of its own, so that none is a twin of another."""

from __future__ import annotations

import random
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
