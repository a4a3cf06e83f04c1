"""What a value of a setting may be: its type and bounds, as the environment has them, and a check of a value from JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Self, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from ragsite.core.errors import PermanentError

LONGEST_TEXT = 2_000
Value = bool | int | float | str


class Kind(StrEnum):
    """What JSON has for a value. A choice is a text out of a few."""

    SWITCH = "boolean"
    WHOLE = "integer"
    NUMBER = "number"
    TEXT = "string"
    CHOICE = "choice"


class InvalidSettingError(PermanentError):
    """A value that a setting can't have; seen by who changes it. The message names both."""

    code = "invalid_setting"


@dataclass(frozen=True, slots=True)
class Values:
    """The values that a setting may have. `above` is a bound that is itself no value; None is no bound."""

    kind: Kind
    least: float | None = None
    most: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    reads: Callable[[str], object] | None = None
    """Reads a text, and raises ValueError, which says what is wrong with it."""

    @classmethod
    def of_field(cls, field: FieldInfo, *, most: float | None = None, reads: Callable[[str], object] | None) -> Self:
        """Those that the environment's variable may have, of which `most` is the most here."""
        bounds = {type(one): one for one in field.metadata}
        upper = bounds[Le].le if Le in bounds else None
        kind = _kind_of(field.annotation)
        return cls(
            kind,
            least=float(bounds[Ge].ge) if Ge in bounds else None,
            most=most if upper is None else min(float(upper), math.inf if most is None else most),
            above=float(bounds[Gt].gt) if Gt in bounds else None,
            choices=get_args(field.annotation) if kind is Kind.CHOICE else (),
            reads=reads,
        )

    def checked(self, name: str, value: object) -> Value:
        """The value, if the setting of that name may have it.

        Raises:
            InvalidSettingError: it may not; the message says why.
        """
        if advice := self._advice(value):
            raise InvalidSettingError(f"The setting {name} can't be {_shown(value)}.", action=advice)
        return float(value) if self.kind is Kind.NUMBER else value  # type: ignore[arg-type,return-value]  # it is one

    def _advice(self, value: object) -> str:
        """What to give instead; "" for a value that it may have."""
        match self.kind:
            case Kind.SWITCH:
                advice = "" if isinstance(value, bool) else "Give true or false."
            case Kind.CHOICE:
                known = f"Known are {', '.join(self.choices)}; give one of these."
                advice = self._read_advice(str(value)) if value in self.choices else known
            case Kind.TEXT:
                advice = self._text_advice(value)
            case _:
                advice = self._number_advice(value)
        return advice

    def _text_advice(self, value: object) -> str:
        advice = ""
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            advice = f"Give a text of at most {LONGEST_TEXT:,} characters."
        else:
            advice = self._read_advice(value)
        return advice

    def _read_advice(self, value: str) -> str:
        try:
            if self.reads is not None:
                self.reads(value)
        except ValueError as error:
            return f"As it was read: {str(error).removesuffix('.')}. Mend that."
        return ""

    def _number_advice(self, value: object) -> str:
        advice = ""
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            advice = "Give a number, such as 10."
        elif self.kind is Kind.WHOLE and not isinstance(value, int):
            advice = "Give a whole number."
        elif self.least is not None and value < self.least:
            advice = f"Give {self.least:g} or a larger number."
        elif self.above is not None and value <= self.above:
            advice = f"Give a number larger than {self.above:g}, and not that itself."
        elif self.most is not None and value > self.most:
            advice = f"Give {self.most:g} or a smaller number."
        return advice


def _kind_of(annotation: Any) -> Kind:
    if get_origin(annotation) is Literal:
        return Kind.CHOICE
    return {bool: Kind.SWITCH, int: Kind.WHOLE, float: Kind.NUMBER, str: Kind.TEXT}[annotation]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
