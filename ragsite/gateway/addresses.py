"""Which address somebody meant who asked for one that does not exist."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from difflib import get_close_matches

from django.urls import URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

LONGEST = 200
"""Of an address that is looked at: comparing takes the square of it."""

NINJA_ROOT = "api-root"
_ID = "{id}"
_IS_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+", re.IGNORECASE)
_PARAMETER = re.compile(r"<[^>]*>")
_NEAR = 0.75


def address_meant(path: str) -> str:
    """The known address that differs by a slash or is nearest, with the ids that were given; empty where none is near."""
    if len(path) > LONGEST:
        return ""
    known, asked = addresses_known(), _normal(path)
    by_slash = {address.rstrip("/"): address for address in known}
    meant = by_slash.get(asked.rstrip("/")) or _nearest(asked, known)
    ids = _ids(path)
    return re.sub(re.escape(_ID), lambda _: next(ids, _ID), meant)


def _nearest(asked: str, known: tuple[str, ...]) -> str:
    """Of a mere folder of addresses none is nearest."""
    is_folder = asked.endswith("/") and any(address.startswith(asked) for address in known)
    near = [] if is_folder else get_close_matches(asked, known, n=1, cutoff=_NEAR)
    return near[0] if near else ""


@functools.cache
def addresses_known() -> tuple[str, ...]:
    """Every address that is answered, with `{id}` for what varies."""
    return tuple(sorted({"/" + _PARAMETER.sub(_ID, route) for route in _routes(get_resolver(), "")} - {"/"}))


def _routes(resolver: URLResolver, before: str) -> Iterator[str]:
    """Patterns that are regular expressions catch what is left, and name no address; nor does django-ninja's root."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _routes(entry, before + str(entry.pattern))
        elif isinstance(entry.pattern, RoutePattern) and entry.name != NINJA_ROOT:
            yield before + str(entry.pattern)


def _normal(path: str) -> str:
    """Ids as in `addresses_known`, and no slash twice."""
    return "/".join(_ID if _IS_ID.fullmatch(part) else part for part in re.sub("/+", "/", path).split("/"))


def _ids(path: str) -> Iterator[str]:
    return (part for part in path.split("/") if _IS_ID.fullmatch(part))
