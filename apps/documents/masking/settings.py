"""Whether and where values are masked in a knowledge base, and of which kinds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ragsite.core.errors import PermanentError
from ragsite.core.masking.kinds import USUAL, Kind
from ragsite.core.masking.recognising import EDITION


class MaskingMode(StrEnum):
    """MONITOR counts and changes nothing. AT_ANSWER indexes texts as they are and shows them masked; AT_INGESTION keeps nothing
    of a text but the masked one.
    """

    OFF = "off"
    MONITOR = "monitor"
    AT_ANSWER = "at_answer"
    AT_INGESTION = "at_ingestion"


class InvalidMaskingError(PermanentError):
    """Settings by which nothing can be masked; seen by those who set up a knowledge base."""

    code = "invalid_masking"
    action = f"Choose a mode of {', '.join(MaskingMode)}, and one or more kinds of {', '.join(Kind)}."


@dataclass(frozen=True, slots=True)
class MaskingSettings:
    """Raises InvalidMaskingError."""

    mode: MaskingMode = MaskingMode.OFF
    kinds: frozenset[Kind] = USUAL

    def __post_init__(self) -> None:
        if not self.kinds:
            raise InvalidMaskingError("No kind of values is named.")

    @property
    def masks(self) -> bool:
        """Whether readers see masks."""
        return self.mode in {MaskingMode.AT_ANSWER, MaskingMode.AT_INGESTION}

    @property
    def keeps_originals(self) -> bool:
        return self.mode is MaskingMode.AT_ANSWER

    @property
    def applied(self) -> str:
        """What is noted of a text that was looked at by these settings; empty where none was to be."""
        if self.mode is MaskingMode.OFF:
            return ""
        return f"{self.mode} {EDITION} {','.join(sorted(self.kinds))}"

    def to_dict(self) -> dict[str, Any]:
        return {"mode": self.mode.value, "kinds": [kind.value for kind in Kind if kind in self.kinds]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MaskingSettings:
        """The settings that `to_dict` wrote, with the defaults for what is left out; raises InvalidMaskingError."""
        if unknown := sorted(set(data) - {"mode", "kinds"}):
            raise InvalidMaskingError(f"There is no masking setting called {unknown[0]!r}.")
        return cls(
            mode=_named(data.get("mode", MaskingMode.OFF), MaskingMode),
            kinds=frozenset(_named(one, Kind) for one in _listed(data.get("kinds", USUAL))),
        )


def masking_of(knowledge_base: Any) -> MaskingSettings:
    """That of a row of a knowledge base."""
    return MaskingSettings.from_dict(knowledge_base.masking)


def _named(name: Any, kind: Any) -> Any:
    try:
        return kind(name)
    except ValueError as error:
        what = "kind of values" if kind is Kind else "masking mode"
        raise InvalidMaskingError(f"The {what} {str(name)[:60]!r} does not exist.") from error


def _listed(value: Any) -> Iterable[Any]:
    if isinstance(value, list | tuple | frozenset):
        return value
    raise InvalidMaskingError("The kinds are no list.")
