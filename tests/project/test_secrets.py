"""No file of the project holds a secret: it is looked for as in documents and lines of logs."""

from __future__ import annotations

import re
from pathlib import Path

from ragsite.core.masking.secrets import secret_finds
from tests.project.test_quality import PROJECT, files

SUFFIXES = (
    ".py",
    ".md",
    ".toml",
    ".yml",
    ".yaml",
    ".sh",
    ".txt",
    ".in",
    ".json",
    ".html",
    ".js",
    ".conf",
    ".cfg",
    ".env",
)
EXAMPLES = "tests", "benchmarks", "samples"
"""Folders with values that are made up to be found; in these only what nobody makes up by hand is looked for."""
MADE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{200,}-----END")


def secrets_in(path: Path) -> list[str]:
    text = path.read_text(errors="replace")
    if path.relative_to(PROJECT).parts[0] in EXAMPLES:
        return [match[0][:40] for match in MADE.finditer(text)]
    return [text[find.start : find.end] for find in secret_finds(text) if find.end - find.start >= SHORTEST]


SHORTEST = 20
"""Of a value worth the name; shorter ones are examples."""


def test_no_file_holds_a_secret() -> None:
    looked_at = list(files(*SUFFIXES))
    assert len(looked_at) > 500
    found = {str(path.relative_to(PROJECT)): secrets for path in looked_at if (secrets := secrets_in(path))}
    assert found == {}
