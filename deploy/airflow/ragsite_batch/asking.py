"""What the functions share."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5


def once(*parts: str) -> str:
    """An idempotency key: the same parts make the same one, so that a task which is tried again asks for the same thing."""
    return str(uuid5(NAMESPACE_URL, "/".join(("ragsite-batch", *parts))))


class NeedsPeopleError(Exception):
    """Something was found that nobody but a person can decide or mend. Trying again finds it again."""
