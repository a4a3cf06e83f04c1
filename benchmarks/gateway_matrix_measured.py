"""Walks every route of the resolver as everybody, and holds each answer against the table: imported once Django is set up."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.template.backends.django import Template
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.safestring import SafeString

from apps.monitoring.workspace.tabs import TABS
from apps.retrieval.doors.mcp.tools import TOOLS
from benchmarks.gateway_matrix_api import API, BODIES, TOOLS_CALLED
from benchmarks.gateway_matrix_table import PAGES, TABS_OPENED
from benchmarks.gateway_matrix_world import ANONYMOUS, PEOPLE, STRANGER, SUPERUSER, Ids, World, world_made
from ragsite.gateway.keys import principal_of_key

NOWHERE = str(UUID(int=7))
IN, REFUSED, HIDDEN, UNSIGNED, NOT_HERE = "+", "-", "0", "L", "x"
ANY = "any"
OUTCOMES = {401: UNSIGNED, 403: REFUSED, 404: HIDDEN, 405: NOT_HERE}
"""What a status says; every other one is of somebody who was let in, whatever was then found wrong with the request."""

ROW_OF_ADMIN = re.compile(r"admin/(?P<app>\w+)/(?P<model>\w+)/.*<(path:object_)?id>")
_APPS = re.compile(r"(?<=\(\?P<app_label>)[\w|]+")
PART_OF_API = re.compile(r"api/v1/([\w-]+)/")


@dataclass(frozen=True, slots=True)
class Trial:
    """A request that was tried: as whom, whose thing it named, what was wanted and what came."""

    method: str
    route: str
    who: str
    whose: str
    wanted: str
    got: str

    @property
    def is_wrong(self) -> bool:
        return self.got not in self.wanted

    def __str__(self) -> str:
        words = f"{self.method} {self.route} as {self.who}, {self.whose}"
        return f"{words}: wanted {' or '.join(self.wanted)}, got {self.got}"


def measure(options: Any = None) -> dict[str, float]:
    """How many requests were tried, and how many answers were wrong."""
    world = world_made()
    trials, missing = list(tried(world)), not_in_table()
    for one in [*missing, *map(str, filter(lambda trial: trial.is_wrong, trials))]:
        print(one)
    return {"route_matrix": len(trials), "route_matrix_wrong": sum(one.is_wrong for one in trials) + len(missing)}


def routes() -> list[str]:
    """Every route that Django answers, as its patterns say it."""
    return sorted(set(_routes(get_resolver(), "")))


def _routes(resolver: URLResolver, prefix: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        route = prefix + _APPS.sub(_in_order, str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from _routes(entry, route)
        elif isinstance(entry, URLPattern):
            yield route


def _in_order(apps: re.Match[str]) -> str:
    """Django names them as they were imported, which is another order in another program."""
    return "|".join(sorted(apps[0].split("|")))


def not_in_table() -> list[str]:
    """What the table lacks, and what it has that is gone, each with what to do."""
    known, there = PAGES.keys() | API.keys(), set(routes())
    lacking = [
        f"{route!r} is in neither table: add who may use it, to API (gateway_matrix_api.py) if it takes keys, else to PAGES."
        for route in sorted(there - known)
    ]
    gone = [f"{route!r} is in the table and is gone: remove it there." for route in sorted(known - there)]
    tabs = {tab.slug for tab in TABS} ^ TABS_OPENED.keys()
    tools = set(TOOLS) ^ TOOLS_CALLED.keys()
    return [
        *lacking,
        *gone,
        *(f"{one!r}: see TABS_OPENED and TOOLS_CALLED of the table." for one in sorted(tabs | tools)),
    ]


def tried(world: World, *, is_thorough: bool = True) -> Iterator[Trial]:
    """All of it. Nothing that is done stays done. Less thoroughly, as tests do it, each address is tried as everybody once: by
    POST only where that is for others than GET, as another tenant's by those who are let in, and with one of the keys that
    lack the permission.
    """
    with pages_left_out(), _only_statuses(), _signed_in(world):
        yield from _pages(world, is_thorough=is_thorough)
        yield from _tabs(world)
        yield from _resources(world, is_thorough=is_thorough)
        yield from _tools(world)


class _LetInError(Exception):
    """What follows would be a list or a form, for somebody who was let in."""


def _let_in(*_: Any, **__: Any) -> Any:
    raise _LetInError


@contextmanager
def _signed_in(world: World) -> Iterator[None]:
    """Whoever is named by the cookie of a session."""

    def user_of(request: Any) -> Any:
        return world.people.get(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""), AnonymousUser())

    with patch("django.contrib.auth.middleware.get_user", user_of):
        yield


@contextmanager
def pages_left_out() -> Iterator[None]:
    """Pages are empty, which saves most of the time they take. What goes into one is made: a process keeps the labels of states,
    and would show them empty ever after.
    """
    render = Template.render

    def made(template: Template, context: Any = None, request: Any = None) -> SafeString:
        return SafeString("") if request else render(template, context)

    with patch.object(Template, "render", made):
        yield


@contextmanager
def _only_statuses() -> Iterator[None]:
    """Lists and forms are not put together, nor anything logged, which takes longer than all else: who may see them is decided
    before.
    """
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            patch.object(admin.site, "each_context", lambda request: {}),
            patch.object(ModelAdmin, "get_changelist_instance", _let_in),
            patch.object(ModelAdmin, "get_fieldsets", _let_in),
        ):
            yield
    finally:
        logging.disable(before)


def _pages(world: World, *, is_thorough: bool) -> Iterator[Trial]:
    for route, row in PAGES.items():
        words = row.split()
        methods = ("GET", "POST") if is_thorough or words[0] != words[1] else ("GET",)
        has_other = (
            "<" in route and route not in _OTHERS and not route.startswith(_OF_ALL) and not route.endswith(_LEADS_ON)
        )
        for method, outcomes in zip(methods, words, strict=False):
            for who, wanted in zip(PEOPLE, outcomes, strict=True):
                if not _is_worth_trying(route, method, who):
                    continue
                got = _page(world, who, method, address_of(route, world.own[who]))
                yield Trial(method, route, who, "own", wanted, got)
                if has_other and (wanted == IN or (is_thorough and method == "GET")):
                    got = _page(world, who, method, address_of(route, world.other))
                    yield Trial(method, route, who, "other", _hidden(who, wanted), got)


_OF_ALL = ("admin/model_registry/", "admin/core/scheduledjob/", "admin/auth/group/", "admin/set-password/", "admin/r/",
           "admin/events/schemas/", "admin/alerts/")  # fmt: skip
"""What all tenants share, or what belongs to none."""


def _is_worth_trying(route: str, method: str, who: str) -> bool:
    """Public pages ask nobody who they are; and who is led to the sign-in before anything is looked at is so by every method."""
    if not route.startswith("admin/") or route.startswith(_BEFORE_SIGNING_IN):
        return who in (ANONYMOUS, SUPERUSER) and method == "GET"
    return method == "GET" or not (who == STRANGER or route.endswith(_ONLY_READ))


_BEFORE_SIGNING_IN = ("admin/login/", "admin/set-password/", "admin/language/")
_ONLY_READ = ("/<path:object_id>/", "/<path:object_id>/history/")
_LEADS_ON = ("/<path:object_id>/", "/of/<uuid:knowledge_base_id>/")
"""Addresses that lead on to another one without looking at anything."""


def _hidden(who: str, wanted: str) -> str:
    """Of another tenant's: for all but a superuser as if it were nowhere, or refused before it is looked for."""
    if who == SUPERUSER:
        return wanted
    return {IN: HIDDEN, REFUSED: REFUSED + HIDDEN, NOT_HERE: NOT_HERE + HIDDEN}.get(wanted, wanted)


def _tabs(world: World) -> Iterator[Trial]:
    route = "admin/knowledge-bases/<uuid:knowledge_base_id>/<slug:tab>/"
    for tab, outcomes in TABS_OPENED.items():
        for who, wanted in zip(PEOPLE, outcomes, strict=True):
            for whose, ids in (("own", world.own[who]), ("other", world.other)):
                got = _page(world, who, "GET", address_of(route, ids).replace("documents", tab))
                right = wanted if whose == "own" else _hidden(who, wanted) if wanted != REFUSED else HIDDEN
                yield Trial("GET", f"{route} {tab}", who, whose, right, got)


def _page(world: World, who: str, method: str, address: str) -> str:
    client = Client(SERVER_NAME="localhost")
    if who != ANONYMOUS:
        client.cookies[settings.SESSION_COOKIE_NAME] = who
    try:
        response = _call(client, method, address)
    except _LetInError:
        return IN
    to = response.headers.get("Location", "")
    return UNSIGNED if to.startswith("/admin/login/") else OUTCOMES.get(response.status_code, IN)


def _resources(world: World, *, is_thorough: bool) -> Iterator[Trial]:
    for number, (route, row) in enumerate(API.items()):
        for words in row.split("|"):
            method, permissions, *own = words.split()
            granted = list(world.keys) if permissions == ANY else permissions.split(",")
            lacking = [key for key in world.keys if key not in granted]
            one = number % max(1, len(lacking))
            tried_with = [*granted, *(lacking if is_thorough else lacking[one : one + 1])]
            callers = {who: who in granted for who in (ANONYMOUS, "session", *tried_with)}
            yield from _resource(world, route, method, callers, own[0] if own else IN)


def _resource(world: World, route: str, method: str, callers: dict[str, bool], own: str) -> Iterator[Trial]:
    for who, may in callers.items():
        for whose in ("own", "other"):
            ids = world.own.get(who, world.own[SUPERUSER]) if whose == "own" else world.other
            body = BODIES.get(f"{method} {route}")
            named = "<" in route or body is not None
            if whose == "other" and not (may and named and _is_of_a_tenant(route)):
                continue
            got = _resource_called(world, who, method, address_of(route, ids), body(ids) if body else {})
            wanted = (
                UNSIGNED if who in (ANONYMOUS, "session") else REFUSED if not may else own if whose == "own" else HIDDEN
            )
            yield Trial(method, route, who, whose, wanted, got)


def _is_of_a_tenant(route: str) -> bool:
    return not re.match(r"(api/v1/(models|model-|loaded-|settings/|flags/)|v1/models)", route)


def _resource_called(world: World, who: str, method: str, address: str, body: Any) -> str:
    headers = {"Authorization": f"Bearer {world.keys[who]}"} if who in world.keys else {}
    client = Client(SERVER_NAME="localhost", headers=headers)
    if who == "session":
        client.cookies[settings.SESSION_COOKIE_NAME] = SUPERUSER
    return OUTCOMES.get(_call(client, method, address, body).status_code, IN)


def _tools(world: World) -> Iterator[Trial]:
    """The tools of the MCP door, whose address is none of Django's."""
    for tool, (permission, arguments) in TOOLS_CALLED.items():
        for who, key in world.keys.items():
            for whose, ids in (("own", world.own[who]), ("other", world.other)):
                with transaction.atomic():
                    told = TOOLS[tool].call(principal_of_key(key), arguments(ids))
                    transaction.set_rollback(True)
                code = told.structured.get("code") if told.is_error else None
                got = {"permission_denied": REFUSED, "not_found": HIDDEN}.get(code or "", IN)
                wanted = REFUSED if who != permission else IN if whose == "own" else HIDDEN
                yield Trial("CALL", f"mcp {tool}", who, whose, wanted, got)


def _call(client: Client, method: str, address: str, body: Any = None) -> Any:
    """What is done is taken back."""
    call = getattr(client, method.lower())
    if method == "GET":
        return call(address)
    with transaction.atomic():
        response = call(address, body or {}, content_type="application/json") if body is not None else call(address)
        transaction.set_rollback(True)
    return response


def address_of(route: str, ids: Ids) -> str:
    """With the ids of what a side has, or of nothing, in the places of the route."""
    if route.startswith("^") or "(?P" in route:
        return "/" + _OTHERS[route]
    filled = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: _id(route, found[1], ids), route)
    return "/" + filled


def _id(route: str, name: str, ids: Ids) -> str:
    if name == "name" and (found := _CHANGEABLE.get(route.split("/")[2])):
        return found
    if name in _NAMED or route.startswith("admin/r/"):
        return _NAMED.get(name, NOWHERE)
    by_name = {
        "knowledge_base_id": "knowledge-bases", "knowledge_base": "knowledge-bases", "document_id": "documents",
        "version_id": "versions", "answer_id": "answers", "conversation_id": "conversations", "job_id": "job",
        "number": "number", "page": "page",
    }  # fmt: skip
    if name in by_name:
        return ids.get(by_name[name], NOWHERE)
    if name == "grant_id":
        return ids[f"{PART_OF_API.match(route)[1]}.grants"]  # type: ignore[index]  # all routes with grants are of the API
    if name == "delivery_id":
        return ids.get("monitoring.webhookdelivery", NOWHERE)
    if "/generations/" in route and name == "pk":
        return ids["retrieval.indexgeneration"]
    of_admin = ROW_OF_ADMIN.match(route)
    part = f"{of_admin['app']}.{of_admin['model']}" if of_admin else PART_OF_API.match(route)[1]  # type: ignore[index]
    return ids.get(part, NOWHERE)


_NAMED = {"tab": "documents", "kind": "bulk", "name": "document.created", "uidb64": "MQ", "token": "x-y",
          "content_type_id": "1", "alert_id": NOWHERE}  # fmt: skip
_CHANGEABLE = {"settings": "search.seconds", "flags": "rewriting"}
_OTHERS = {
    "admin/^(?P<app_label>auth|core|documents|gateway|model_registry|monitoring|retrieval)/$": "admin/documents/",
    "^api/v1/$": "api/v1/", "^api/.*$": "api/none", "^v1/.*$": "v1/none", "admin/(?P<url>.*)$": "admin/none/",
}  # fmt: skip
