"""The nearest right name for one that is unknown. Imports nothing that needs loaded apps: errors are answered before."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any

from ninja import Schema
from pydantic import ConfigDict

PAGE = ("limit", "offset", "cursor")
"""What says which page of a list."""


class StrictBody(Schema):
    """A JSON body of django-ninja, or a part of one, in which an unknown field is refused."""

    model_config = ConfigDict(extra="forbid")


def unknown_names(given: Iterable[Any], known: Collection[str]) -> dict[str, str]:
    """By each name that is not known a sentence on which one may be meant."""
    return {str(name)[:60]: unknown_sentence(str(name), known) for name in given if name not in known}


def unknown_sentence(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name.lower(), known, n=1)
    names = f"Known are {', '.join(sorted(known))}." if known else "None is known here."
    meant = f"Did you mean {near[0]}?" if near else names
    return f"This is unknown. {meant}"


def body_names() -> set[str]:
    """The fields of all JSON bodies of django-ninja, whose errors don't say which names a body has."""
    bodies, names = [StrictBody], set[str]()
    while bodies:
        body = bodies.pop()
        bodies += body.__subclasses__()
        names |= body.model_fields.keys()
    return names
