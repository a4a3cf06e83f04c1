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
        if fault := self._fault(value):
            raise InvalidSettingError(f"{name} can't be {_shown(value)}: {fault}.", action="Give another value.")
        return float(value) if self.kind is Kind.NUMBER else value  # type: ignore[arg-type,return-value]  # it has no fault

    def _fault(self, value: object) -> str:
        """The end of a sentence; "" for a value that it may have."""
        match self.kind:
            case Kind.SWITCH:
                return "" if isinstance(value, bool) else "it is true or false"
            case Kind.CHOICE:
                return "" if value in self.choices else f"it is one of {', '.join(self.choices)}"
            case Kind.TEXT:
                return self._text_fault(value)
            case _:
                return self._number_fault(value)

    def _text_fault(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            return f"it is a text of at most {LONGEST_TEXT:,} characters"
        try:
            if self.reads is not None:
                self.reads(value)
        except ValueError as error:
            return str(error).removesuffix(".")
        return ""

    def _number_fault(self, value: object) -> str:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or (self.kind is Kind.WHOLE and not isinstance(value, int)):
            return "it is a whole number" if self.kind is Kind.WHOLE else "it is a number"
        number: float = value  # type: ignore[assignment]  # it is one
        if self.least is not None and number < self.least:
            return f"it is at least {self.least:g}"
        if self.above is not None and number <= self.above:
            return f"it is more than {self.above:g}"
        return f"it is at most {self.most:g}" if self.most is not None and number > self.most else ""


def _kind_of(annotation: Any) -> Kind:
    if get_origin(annotation) is Literal:
        return Kind.CHOICE
    return {bool: Kind.SWITCH, int: Kind.WHOLE, float: Kind.NUMBER, str: Kind.TEXT}[annotation]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
