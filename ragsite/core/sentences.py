"""What errors say, in the language of who reads it.

Services raise sentences in English, and the record keeps them so: applications compare them, and two readers of one row may
speak two languages. Who shows one to a person translates it then. `sentences.txt` holds the pattern of each, with its values
as placeholders; `make messages` gathers them from the code.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from django.conf import settings
from django.utils.translation import get_language, pgettext

from ragsite.core.numbers import numbers_said

CONTEXT = "error"
PATTERNS = Path(__file__).resolve().parents[1] / "locale" / "sentences.txt"
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def said(text: str) -> str:
    """The sentences in the language that is spoken. What no pattern fits stays as it is."""
    if get_language() in (None, settings.LANGUAGE_CODE):
        return text
    for expression, pattern in _patterns():
        if found := expression.match(text):
            values = {name: numbers_said(value) for name, value in found.groupdict().items()}
            told = pgettext(CONTEXT, pattern) % values
            return f"{told} {said(text[found.end() :].lstrip())}".strip()
    return text


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Those that begin with words, and of these those that say the most themselves, come first, so that none takes for a
    value what another says in words.
    """
    patterns = PATTERNS.read_text().splitlines()
    by_words = sorted(patterns, key=lambda one: (bool(PLACEHOLDER.match(one)), -len(PLACEHOLDER.sub("", one))))
    return tuple((_expression(one), one) for one in by_words)


def _expression(pattern: str) -> re.Pattern[str]:
    """Matches the sentence at the beginning of a text, up to its end or that of a word."""
    parts = PLACEHOLDER.split(pattern)
    texts = (re.escape(part.replace("%%", "%")) for part in parts[::2])
    values = [f"(?P<{name}>.+?)" for name in parts[1::2]]
    return re.compile(
        "".join(text + value for text, value in zip(texts, [*values, ""], strict=True)) + r"(?=\s|\Z)", re.S
    )
