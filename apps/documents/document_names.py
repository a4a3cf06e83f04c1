"""What the name of a document says, as words: `ADOBE_2022_10K.pdf` is Adobe, 2022, 10K."""

from __future__ import annotations

import re

_EXTENSION = re.compile(r"\.[a-z][a-z0-9]{1,4}\Z", re.IGNORECASE)
_JOINTS = re.compile(
    r"[_+]+"
    r"|(?<=[^\W\d_])-(?=[^\W_])(?![^\W\d_]\b)"  # annual-report, dated-2022; not 10-K or part-b
    r"|(?<=[a-z]{2})(?=[A-Z])"  # AnnualReport
    r"|(?<=\d{4})(?=[QHqh]\d(?![^\W_]))"  # 2023Q4
)
_WORD = re.compile(r"[^\W\d_]{2}")
_SHOUTED = 5
"""Letters of a word in capitals that is no abbreviation any more."""


def name_words(title: str) -> str:
    """The words of a title that is the name of a file; any other one as it is."""
    stem = _EXTENSION.sub("", title.strip())
    if stem == title.strip() and " " in stem:
        return stem
    return " ".join(_quiet(word) for word in _JOINTS.sub(" ", stem).split())


def called(title: str, told: str) -> str:
    """What a document is called: by its title, or, where that has no word, such as a number, by what its file `told`."""
    name = name_words(title)
    return name if _WORD.search(name) else told or name


def _quiet(word: str) -> str:
    return word.capitalize() if len(word) >= _SHOUTED and word.isalpha() and word.isupper() else word
