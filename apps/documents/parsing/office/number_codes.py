"""Number formats such as "#,##0.00 €", "[h]:mm" or "# ?/?", and numbers shown by them (ECMA-376, part 1, 18.8.31).

A format has up to four sections: for positive numbers, negative ones, zero, and text; conditions in brackets may replace the
signs. Figures come with a point and commas, whatever the language. A whole date comes by ISO 8601, so that no reader takes
a day for a month.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.documents.parsing.office.number_dates import dates_by
from apps.documents.parsing.office.number_figures import figures_by
from apps.documents.parsing.office.number_tokens import Token

LAST_DAY = 2_958_465
LONGEST_CODE = 250
MOST_SECTIONS = 4
FOR_NUMBERS = 3
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<pad>_.)|\*.|\[\$(?P<currency>[^\]-]*)[^\]]*\]|\[(?P<elapsed>h+|m+|s+)\]'
    r"|\[(?P<condition>[<>=]{1,2}-?[0-9.]+)\]|\[[^\]]*\]|(?P<general>General)|(?P<half>AM/PM|A/P)"
    r"|(?P<date>y+|m+|d+|h+|s+(?:\.0+)?|e(?![+-])|g+)|(?P<exponent>E[+-])|(?P<digits>[0#?]+)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"([<>=]{1,2})(-?[0-9.]+)")
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
    "<=": operator.le,
    ">=": operator.ge,
    "<>": operator.ne,
}
_SPACES = re.compile(r" {2,}")


_TEXT = Token("sign", "@")


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a format; `dates` shows dates and times, `figures` all other numbers."""

    tokens: tuple[Token, ...]
    is_text: bool
    figures: Callable[[float], str]
    dates: Callable[[float, datetime], str] | None
    condition: tuple[Callable[[float, float], bool], float] | None = None

    @classmethod
    def of(cls, tokens: tuple[Token, ...], condition: tuple[Callable[[float, float], bool], float] | None) -> Section:
        is_date = any(token.kind in {"date", "elapsed"} for token in tokens)
        return cls(tokens, _TEXT in tokens, figures_by(tokens), dates_by(tokens) if is_date else None, condition)


@dataclass(frozen=True, slots=True)
class NumberCode:
    """A format, by its sections."""

    sections: tuple[Section, ...]

    def number(self, number: float, *, first_day: datetime) -> str | None:
        """The number as the format shows it; None where it can't."""
        section, shown = self._section(number)
        if section is None:
            return None
        if section.dates is not None:
            return _tidy(section.dates(number, first_day)) if 0 <= number < LAST_DAY + 1 else None
        return None if section.is_text else _tidy(section.figures(shown))

    def text(self, text: str) -> str:
        """A text as the format shows it."""
        section = self.sections[-1]
        if not section.is_text:
            return text
        return _tidy("".join(text if token == _TEXT else token.text for token in section.tokens))

    def _section(self, number: float) -> tuple[Section | None, float]:
        """The section that is meant for the number, and what it shows of it: a section of its own leaves the minus out."""
        if len(self.sections) == 1 and self.sections[0].condition is None:
            return self.sections[0], number
        numeric = self.sections[:FOR_NUMBERS]
        if len(numeric) > 1 and numeric[-1].is_text:
            numeric = numeric[:-1]
        if any(section.condition for section in numeric):
            return self._by_condition(numeric, number)
        if number < 0 and len(numeric) > 1:
            return numeric[1], -number
        return (numeric[2] if number == 0 and len(numeric) == FOR_NUMBERS else numeric[0]), number

    @staticmethod
    def _by_condition(sections: Sequence[Section], number: float) -> tuple[Section | None, float]:
        for section in sections:
            if section.condition is None or section.condition[0](number, section.condition[1]):
                return section, number
        return None, number


def read_code(code: str) -> NumberCode | None:
    """The format; None for one that shows numbers plainly, or that no one would write."""
    if len(code) > LONGEST_CODE or code.strip().casefold() in {"", "general", "@"}:
        return None
    sections: list[Section] = []
    tokens: list[Token] = []
    condition = None
    for found in _TOKEN.finditer(code):
        if found["other"] == ";":
            sections.append(Section.of(_dated(tokens), condition))
            tokens, condition = [], None
        elif found["condition"]:
            condition = _condition(found["condition"])
        else:
            token = _token(found)
            tokens += [token] if token.text else []
    return NumberCode((*sections, Section.of(_dated(tokens), condition))[:MOST_SECTIONS])


def _condition(text: str) -> tuple[Callable[[float, float], bool], float] | None:
    found = _CONDITION.fullmatch(text)
    try:
        return (_COMPARISONS[found[1]], float(found[2])) if found else None
    except (KeyError, ValueError):
        return None


def _token(found: re.Match[str]) -> Token:
    kind = found.lastgroup or ""
    text = found[kind] if kind else ""
    match kind:
        case "quoted" | "escaped" | "currency":
            return Token("text", text)
        case "pad":
            return Token("text", " ")
        case "date" | "elapsed":
            return Token(kind, text.lower())
        case "other":
            return Token("sign", text)
        case _:
            return Token(kind, text)


def _dated(tokens: list[Token]) -> tuple[Token, ...]:
    """The tokens, where "m" beside hours or seconds is minutes: told by a capital M for months."""
    parts = [at for at, token in enumerate(tokens) if token.kind in {"date", "elapsed"}]
    for place, at in enumerate(parts):
        token = tokens[at]
        if token.kind == "date" and token.text in {"m", "mm"}:
            before = tokens[parts[place - 1]].text[0] if place else ""
            after = tokens[parts[place + 1]].text[0] if place + 1 < len(parts) else ""
            if before != "h" and after != "s":
                tokens[at] = Token("date", token.text.upper())
        elif token.text.startswith("mmm"):
            tokens[at] = Token("date", token.text.upper())
    return tuple(tokens)


def _tidy(text: str) -> str:
    if "  " not in text:
        return text.strip()
    return _SPACES.sub(" ", text).strip()
