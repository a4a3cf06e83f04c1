"""Feature flags: behaviours that can be switched off, or on for some, while the system runs. A new one is a row.

A flag is there for a time: an owner sees to it until the day it goes, when the behaviour stays or leaves for good. A test fails
from that day on. What shall stay changeable is a setting.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Self
from uuid import UUID

from ragsite.core.dynamic.places import Level
from ragsite.core.dynamic.values import InvalidSettingError
from ragsite.core.errors import NotFoundError
from ragsite.core.marking import marked as _

MOST_PEOPLE = 200
FLAG_LEVELS = (Level.INSTALLATION, Level.TENANT)


@dataclass(frozen=True, slots=True)
class Flag:
    """What it switches, for people; what holds where nobody says otherwise; who sees to it, and the day it goes."""

    name: str
    title: str
    description: str
    default: bool
    owner: str
    removed_on: date


REWRITING = Flag(
    "rewriting", _("Follow-up questions rewritten by the language model"),
    _("Off: what a follow-up question means is found by rules alone, without a call of the language model."),
    True, "retrieval", date(2027, 6, 1),
)  # fmt: skip
STAND_IN = Flag(
    "stand_in", _("Kept answers stand in for a language model that is down"),
    _("Off: while the language model is down, questions are answered with sentences of the documents."),
    True, "retrieval", date(2027, 6, 1),
)  # fmt: skip

FLAGS: tuple[Flag, ...] = (REWRITING, STAND_IN)
FLAGS_BY_NAME: Mapping[str, Flag] = {one.name: one for one in FLAGS}


@dataclass(frozen=True, slots=True)
class FlagSubject:
    """For whom a flag is asked: a tenant, and the person or API key there, as `person` ("12", or a key's id); empty for nobody
    in particular.
    """

    tenant_id: UUID
    person: str = ""


@dataclass(frozen=True, slots=True)
class FlagRule:
    """For whom a flag is on: for these people and keys, for so many of a hundred of the others, and else for all or nobody."""

    on: bool = False
    percent: int = 0
    people: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """The rule that `to_dict` wrote."""
        return cls(said["on"], said.get("percent", 0), tuple(said.get("people", ())))

    @classmethod
    def read(cls, name: str, said: object) -> Self:
        """A rule from JSON.

        Raises:
            InvalidSettingError: it is none; the message says why.
        """
        if not cls.is_rule(said):
            raise InvalidSettingError(
                f"The flag {name} can't be {str(said)[:80]!r}.",
                action="Give `on`, true or false, and besides `percent`, from 0 to 100, and `people`, at most "
                f"{MOST_PEOPLE} ids of users and API keys.",
            )
        return cls.from_dict(said)  # type: ignore[arg-type]  # it is a rule

    @staticmethod
    def is_rule(said: object) -> bool:
        if not isinstance(said, Mapping) or said.keys() - {"on", "percent", "people"}:
            return False
        percent, people = said.get("percent", 0), said.get("people", [])
        return (
            isinstance(said.get("on"), bool)
            and isinstance(percent, int) and not isinstance(percent, bool) and 0 <= percent <= 100
            and isinstance(people, list | tuple) and len(people) <= MOST_PEOPLE
            and all(isinstance(one, str) and 0 < len(one) <= 40 for one in people)
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        return {"on": self.on, "percent": self.percent, "people": list(self.people)}

    def is_on(self, flag: Flag, subject: FlagSubject) -> bool:
        """The same subject always gets the same answer, and who is among ten of a hundred is among twenty, too."""
        return self.on or subject.person in self.people or place_of_hundred(flag, subject) < self.percent


def place_of_hundred(flag: Flag, subject: FlagSubject) -> int:
    """From 0 to 99, another for each flag."""
    said = f"{flag.name} {subject.tenant_id} {subject.person}".encode()
    return int.from_bytes(hashlib.sha256(said).digest()[:8]) % 100


def flag_named(name: str) -> Flag:
    """Raises NotFoundError: there is no flag of that name."""
    if name not in FLAGS_BY_NAME:
        raise NotFoundError(
            f"There is no flag {name[:80]!r}.", action="`manage.py settings list` names those there are."
        )
    return FLAGS_BY_NAME[name]
