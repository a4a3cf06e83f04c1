"""Numbers as they are read in the language that is spoken: 1,000.5 in English, 1.000,5 in German."""

from __future__ import annotations

import re
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.functional import lazy

GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])")


def number_shown(number: float, digits: int = 0) -> str:
    """The number with its thousands set apart, rounded to so many digits behind the point."""
    return number_format(Decimal(f"{number:.{digits}f}"), digits, use_l10n=True, force_grouping=True)


number_shown_later = lazy(number_shown, str)
"""The same, in the language that is spoken when it is shown."""


def numbers_said(text: str) -> str:
    """The text with each number that an English sentence sets apart by commas, as in 1,000, as it is read here."""
    return GROUPED.sub(lambda found: _respelt(found.group()), text)


def _respelt(number: str) -> str:
    digits = len(number.partition(".")[2])
    return number_format(Decimal(number.replace(",", "")), digits, use_l10n=True, force_grouping=True)
