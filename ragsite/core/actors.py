"""Who acts: the person, key or program behind a change, the door it came by, and the request it was part of.

Every service that changes something takes one. It is kept beside what it did as a small JSON object (`as_dict`), and events
carry it in their envelope. What a job does for somebody is that somebody's act; what nobody asked for is the job's own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.db.models import Model

from ragsite.core.audit.recording import NOTHING, Act, AuditObject, act_record
from ragsite.core.request_ids import request_id
from ragsite.core.tracing.spans import traceparent

logger = logging.getLogger(__name__)

UNNAMED = "change.made"
"""What an act is called that has no name of its own."""

LONGEST_NAME = 100
"""Of a name; with the words around it, it fits a column of 120 characters."""


class ActorKind(StrEnum):
    """`user`: a person with a login. `key`: an application by its API key. `service`: a program that somebody started who has
    access to the machine. `system`: ragsite itself.
    """

    USER = "user"
    KEY = "key"
    SERVICE = "service"
    SYSTEM = "system"


class Door(StrEnum):
    """The way in."""

    ADMIN = "admin"
    API = "api"
    COMMAND = "command"
    JOB = "job"


DOOR_NAMES = {Door.ADMIN: "admin", Door.API: "API", Door.COMMAND: "command line", Door.JOB: "job"}


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is what programs know the actor by, and `name` what people do. `request_id` is empty where there was no request.

    `traceparent` is the place in a trace from which the actor acts, so that what a job does later is part of the same one.
    """

    kind: ActorKind
    id: str
    name: str
    door: Door
    request_id: str = ""
    traceparent: str = field(default_factory=traceparent, compare=False)

    @classmethod
    def of_user(cls, user: AbstractBaseUser | AnonymousUser, *, door: Door) -> Actor:
        """A person, in the request at hand."""
        return cls(ActorKind.USER, str(user.pk), user.get_username()[:LONGEST_NAME], door, request_id())

    @classmethod
    def of_key(cls, key_id: object, name: str, *, door: Door) -> Actor:
        """An application with an API key, in the request at hand."""
        return cls(ActorKind.KEY, str(key_id), name[:LONGEST_NAME], door, request_id())

    @classmethod
    def of_command(cls, name: str) -> Actor:
        """`manage.py <name>`, or another program on the machine."""
        return cls(ActorKind.SERVICE, name[:LONGEST_NAME], name[:LONGEST_NAME], Door.COMMAND)

    @classmethod
    def of_job(cls, name: str) -> Actor:
        """A job that nobody asked for in particular."""
        return cls(ActorKind.SYSTEM, name[:LONGEST_NAME], name[:LONGEST_NAME], Door.JOB)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Actor:
        """The actor that `as_dict` gave."""
        return cls(
            ActorKind(kept["kind"]), kept["id"], kept["name"], Door(kept["door"]), kept.get("request_id", ""),
            kept.get("traceparent", ""),
        )  # fmt: skip

    @classmethod
    def kept(cls, kept: Mapping[str, Any] | None, *, job: str) -> Actor:
        """Who asked for what a job does, from the columns of its row; the job itself if nobody is named."""
        return cls.from_dict(kept) if kept else cls.of_job(job)

    def as_dict(self) -> dict[str, str]:
        """What is kept of the actor, as JSON."""
        named = {"kind": self.kind.value, "id": self.id, "name": self.name, "door": self.door.value}
        places = {"request_id": self.request_id, "traceparent": self.traceparent}
        return named | {name: place for name, place in places.items() if place}

    @property
    def text(self) -> str:
        """For people: `ada, admin`; `key CI, API`; `manage.py reindex`; `job embed`."""
        match self.kind:
            case ActorKind.USER:
                return f"{self.name}, {DOOR_NAMES[self.door]}"
            case ActorKind.KEY:
                return f"key {self.name}, {DOOR_NAMES[self.door]}"
            case ActorKind.SERVICE:
                return f"{self.name}, {DOOR_NAMES[self.door]}" if self.door is not Door.COMMAND else self.name
            case ActorKind.SYSTEM:
                return f"job {self.name}"


def actor_text(kept: Mapping[str, Any] | None) -> str:
    """An actor that was kept, in words; empty where none was."""
    return Actor.from_dict(kept).text if kept else ""


def change_log(
    what: str,
    *,
    actor: Actor,
    action: str | None = UNNAMED,
    of: Model | AuditObject = NOTHING,
    tenant_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """An entry in the audit log, and a line in the log once it commits, for a change that leaves no event, which would say it.

    To be called in the transaction of the change. `of` is what was changed; its tenant, where it does not say it itself, is
    `tenant_id`. A change without an `action` of its own is told by `what` alone; one with None is told by its events.
    """
    if action is not None:
        on = of if isinstance(of, AuditObject) else AuditObject.of(of, tenant_id=tenant_id)
        said = {"what": what} if action == UNNAMED else {}
        act_record(Act(action, on, {**said, **(details or {})}), actor=actor)
    transaction.on_commit(lambda: logger.info("%s, by %s", what, actor.text))
