"""What a model is given: of each kind of model its own. Plain data, so that it can travel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from apps.models.prompts import TextRole

TextPair = tuple[str, str]
RoleText = tuple[TextRole, str]


class Inputs(Protocol):
    """The inputs of one call."""

    def items(self) -> Sequence[Any]:
        """What an engine takes, each of which gives a row of numbers."""
        ...

    def encode(self) -> dict[str, Any]:
        """As JSON."""
        ...

    @classmethod
    def decode(cls, told: Mapping[str, Any]) -> Self:
        """From JSON; what is missing is a KeyError."""
        ...


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts to embed, all of one role."""

    texts: tuple[str, ...]
    role: TextRole

    def items(self) -> Sequence[RoleText]:
        return [(self.role, text) for text in self.texts]

    def encode(self) -> dict[str, Any]:
        return {"texts": list(self.texts), "role": self.role.value}

    @classmethod
    def decode(cls, told: Mapping[str, Any]) -> Self:
        return cls(tuple(str(text) for text in told["texts"]), TextRole(told["role"]))


@dataclass(frozen=True, slots=True)
class QueryTexts:
    """Texts, each to be read together with the query, which travels once."""

    query: str
    texts: tuple[str, ...]

    def items(self) -> Sequence[TextPair]:
        return [(self.query, text) for text in self.texts]

    def encode(self) -> dict[str, Any]:
        return {"query": self.query, "texts": list(self.texts)}

    @classmethod
    def decode(cls, told: Mapping[str, Any]) -> Self:
        return cls(str(told["query"]), tuple(str(text) for text in told["texts"]))
