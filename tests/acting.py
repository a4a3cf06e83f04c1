"""Who acts in tests."""

from __future__ import annotations

from ragsite.core.actors import Actor, ActorKind, Door

ACTOR = Actor.of_command("test")


def user(name: str, *, door: Door = Door.ADMIN) -> Actor:
    """A person of that name."""
    return Actor(ActorKind.USER, f"id of {name}", name, door)
