"""Names of persons, where an analyser for them is installed and wanted: presidio-analyzer, which is no dependency."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ragsite.core.configuration import MaskingLibrarySettings
from ragsite.core.masking.kinds import Find, Kind

logger = logging.getLogger(__name__)

PACKAGE = "presidio_analyzer"
PORTION = 50_000
"""Characters that it is given at a time: it takes memory by the length of a text."""


def names_are_found() -> bool:
    """Whether the analyser is wanted and installed."""
    return bool(MaskingLibrarySettings.current().names_language) and find_spec(PACKAGE) is not None


def name_finds(text: str) -> Iterator[Find]:
    """The names of persons in a text; none without the analyser."""
    if not names_are_found():
        return
    language = MaskingLibrarySettings.current().names_language
    for start in _starts(text):
        for found in _analyser().analyze(text=text[start : start + PORTION], entities=["PERSON"], language=language):
            yield Find(Kind.NAME, start + found.start, start + found.end)


def _starts(text: str) -> Iterator[int]:
    return iter(range(0, len(text), PORTION))


@cache
def _analyser() -> Any:
    """Loads its models, which takes seconds."""
    logger.info("the analyser of names is loaded")
    return import_module(PACKAGE).AnalyzerEngine()
