"""Sentences about many things, which every machine has that runs the benchmark: what installed packages say of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("celery", "django", "nltk", "numpy", "scipy", "torch")
DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
SENTENCE = re.compile(r"(?<!\S)[A-Z][a-z][^.|`<>*\[\]{}=_/\\:]{40,200}\.(?=\s)")
MOST_FILES = 400
"""Of each package, so that none has the word alone."""


def sentences() -> list[str]:
    """Some thousand sentences of docstrings, sorted."""
    found = {" ".join(match.split()) for text in _docstrings() for match in SENTENCE.findall(text)}
    return sorted(found)


def _docstrings() -> Iterator[str]:
    for package in PACKAGES:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"{package} is not installed: run `make setup`.")
        for path in sorted(Path(spec.origin).parent.rglob("*.py"))[:MOST_FILES]:
            for docstring in DOCSTRING.findall(path.read_text(encoding="utf-8", errors="replace")):
                yield f"{' '.join(docstring.split())} "
