"""How a knowledge base is searched where the request says nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ragsite.core.errors import PermanentError


class Mode(StrEnum):
    """Which legs of the search answer."""

    DENSE = "dense"
    LEXICAL = "lexical"
    HYBRID = "hybrid"


class Fusion(StrEnum):
    """How a hybrid search brings its legs into one order: by their scores, or by reciprocal ranks."""

    CONVEX = "convex"
    RRF = "rrf"


SHARES = ("weight", "names", "same_page")
"""The settings that are numbers from 0 to 1."""


class InvalidRetrievalError(PermanentError):
    """Settings that nothing can be searched by; seen by those who set up a knowledge base, or search."""

    code = "invalid_retrieval"
    action = (
        f"Choose a mode of {', '.join(Mode)}, a fusion of {', '.join(Fusion)}, a weight from 0 (only words count) "
        "to 1 (only meaning), and names and same_page from 0 to 1."
    )


@dataclass(frozen=True, slots=True)
class RetrievalSettings:
    """`weight` is the share of the dense leg in a hybrid search, 0 to 1.

    Where a hybrid search goes by scores, `names` is what a document's name counts that has the question's words, 0 to 1, and
    `same_page` what each further passage of a page counts beside the one before it, 0 to 1.

    Raises InvalidRetrievalError.
    """

    mode: Mode = Mode.HYBRID
    fusion: Fusion = Fusion.CONVEX
    weight: float = 0.55
    names: float = 0.1
    same_page: float = 0.8

    def __post_init__(self) -> None:
        for value, kind, name in ((self.mode, Mode, "mode"), (self.fusion, Fusion, "fusion")):
            if not isinstance(value, kind):
                raise InvalidRetrievalError(f"The {name} {value!r} does not exist.")
        if not _is_share(self.weight):
            raise InvalidRetrievalError(f"The weight {self.weight!r} is invalid.")
        for share, of in ((self.names, "names"), (self.same_page, "same_page")):
            if not _is_share(share):
                raise InvalidRetrievalError(f"The share {share!r} of {of} is invalid.")

    def to_dict(self) -> dict[str, Any]:
        return {"mode": self.mode.value, "fusion": self.fusion.value, **{name: getattr(self, name) for name in SHARES}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RetrievalSettings:
        """The settings that `to_dict` wrote, with the defaults for what is left out; raises InvalidRetrievalError."""
        return cls().overridden(data)

    def overridden(self, data: Mapping[str, Any]) -> RetrievalSettings:
        """These settings with what `data` has instead; raises InvalidRetrievalError."""
        own = dict(data)
        unknown = sorted(set(own) - {"mode", "fusion", *SHARES})
        if unknown:
            raise InvalidRetrievalError(f"There is no retrieval setting called {unknown[0]!r}.")
        for name, kind in (("mode", Mode), ("fusion", Fusion)):
            if name in own:
                own[name] = _named(own[name], kind)
        return replace(self, **own)


def _named(name: object, kind: type[StrEnum]) -> StrEnum:
    try:
        return kind(name)  # type: ignore[arg-type]  # anything else than a name is refused below
    except ValueError as error:
        raise InvalidRetrievalError(f"The {kind.__name__.lower()} {name!r} does not exist.") from error


def _is_share(value: object) -> bool:
    """Whether it is a number from 0 to 1."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return is_number and 0 <= value <= 1  # type: ignore[operator]  # a number
