"""What the door notes in a request's scope for the tools: who calls, by which id, and in which trace."""

from __future__ import annotations

from dataclasses import dataclass

from ragsite.gateway.keys import Principal
from ragsite.gateway.visits import Scope

_KEY = "ragsite.noted"


@dataclass(frozen=True, slots=True)
class Noted:
    """A caller whose key is valid, in a request."""

    principal: Principal
    request_id: str
    traceparent: str = ""

    def scope(self, scope: Scope) -> Scope:
        """The scope with this in it."""
        return scope | {_KEY: self}

    @classmethod
    def of(cls, scope: Scope) -> Noted:
        """What the door noted."""
        noted: Noted = scope[_KEY]
        return noted
