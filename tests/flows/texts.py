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
    "captain",
    "engine",
    "fuel",
    "customs",
    "gate",
    "warehouse",
    "pallet",
    "inspection",
    "schedule",
    "delay",
    "storm",
    "north",
    "south",
    "repair",
]


def write_documents(folder: Path, *, count: int, sentences: int, seed: int) -> list[Path]:
    """Markdown files of the given number of sentences."""
    chance = random.Random(seed)
    paths = []
    for number in range(count):
        lines = [f"# Report {seed}-{number}\n"]
        for sentence in range(sentences):
            words = " ".join(chance.choices(WORDS, k=14))
            lines.append(f"Entry {number}.{sentence} says that {words}.")
            if sentence % 8 == 7:
                lines.append(f"\n## Part {sentence // 8}\n")
        path = folder / f"report-{seed}-{number}.md"
        path.write_text("\n".join(lines))
        paths.append(path)
    return paths
