"""No file of the project holds a secret: it is looked for as in documents and lines of logs."""

from __future__ import annotations

import re
from pathlib import Path

from ragsite.core.masking.secrets import secret_finds
from tests.project.test_quality import PROJECT, files

SUFFIXES = (
    ".py", ".md", ".toml", ".yml", ".yaml", ".sh", ".txt", ".in", ".json", ".html", ".js", ".conf", ".cfg", ".env",
)  # fmt: skip
EXAMPLES = "tests", "benchmarks", "samples"
"""Folders with values that are made up to be found; in these only what nobody makes up by hand is looked for."""
MADE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{200,}-----END")
SHORTEST = 20
"""Of a value worth the name; shorter ones are examples."""
NONE = re.compile(r'(.)\1+|[a-z_.]+|\$\{[A-Z_]+\}|-----BEGIN ", .*', re.DOTALL)
"""One character again and again, a name in code or of a variable, and how the recogniser itself knows a private key."""


def secrets_in(path: Path) -> list[str]:
    text = path.read_text(errors="replace")
    if path.relative_to(PROJECT).parts[0] in EXAMPLES:
        return [match[0][:40] for match in MADE.finditer(text)]
    found = [text[find.start : find.end] for find in secret_finds(text)]
    return [value[:40] for value in found if len(value) >= SHORTEST and not NONE.fullmatch(value)]


def test_no_file_holds_a_secret() -> None:
    looked_at = list(files(*SUFFIXES))
    assert len(looked_at) > 500
    assert {str(path.relative_to(PROJECT)): found for path in looked_at if (found := secrets_in(path))} == {}


def test_a_secret_of_ours_would_be_found() -> None:
    said = f'KEY = "{"AKIA" + "IOSFODNN7Q2XAMPL"}"; URL = "postgresql://app:{"q8Zr" * 5}@db/x"'
    found = [said[find.start : find.end] for find in secret_finds(said)]
    assert [value for value in found if not NONE.fullmatch(value)] == ["AKIAIOSFODNN7Q2XAMPL", "q8Zr" * 5]
