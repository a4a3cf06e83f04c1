"""`manage.py apikey`: a key for an application, or a new secret for one."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About
from ragsite.core.commands.trying import undone_if
from ragsite.core.errors import ConflictError, NotFoundError
from ragsite.core.limits import EXAMPLE, NO_LIMITS, Limits, limits_read
from ragsite.gateway.keys import api_key_create, api_key_rotate, valid_keys
from ragsite.gateway.limits.rows import limits_set
from ragsite.gateway.models import ApiKey, Permission
from ragsite.gateway.narrowing import knowledge_bases_named
from ragsite.gateway.tenants import tenant_get_or_create

ACTOR = Actor.of_command("manage.py apikey")
_DAYS = re.compile(r"(\d{1,4})d")


class Command(base.Command):
    about = About(
        sentence="Make an API key, or give one a new secret, and print it; it is not shown again.",
        examples=(
            ("manage.py apikey 'my application'", "a key that reads, writes and asks, of the tenant Default"),
            ("manage.py apikey reports --tenant Harbour --permissions read query", "one that changes nothing"),
            ("manage.py apikey visitors --limits 'answers=10/minute streams=2'", "one that may not ask for much"),
            (
                "manage.py apikey kiosk --tenant Harbour --knowledge-bases 'Guest handbook' --expires 90d",
                "one that sees a single knowledge base, for 90 days",
            ),
            ("manage.py apikey reports --tenant Harbour --rotate", "a new secret; the former one works for a while"),
        ),
        changes=True,
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="Who or what the key is for; with --rotate also the beginning of a key.")
        parser.add_argument("--tenant", default="Default", help="The tenant's name; made if there is none.")
        parser.add_argument(
            "--permissions",
            nargs="+",
            choices=Permission.values,
            default=[Permission.READ.value, Permission.WRITE.value, Permission.QUERY.value],
            help="What it may do.",
        )
        parser.add_argument(
            "--limits",
            type=_limits,
            default=NO_LIMITS,
            metavar="LIMITS",
            help=f"How much it may ask for, as '{EXAMPLE}'.",
        )
        parser.add_argument(
            "--knowledge-bases", nargs="+", metavar="NAME", help="Those it sees, by name or id; all if none is named."
        )
        parser.add_argument(
            "--expires",
            type=_end,
            metavar="WHEN",
            help="When it ends: 90d for days from now, or a date or time of ISO 8601, in UTC. RAGSITE_KEY_DAYS if not given.",
        )
        parser.add_argument("--rotate", action="store_true", help="Give the key of that name a new secret.")
        parser.add_argument(
            "--grace-hours",
            type=_hours,
            metavar="N",
            help="With --rotate: how long the former secret still works; 0 ends it. RAGSITE_KEY_GRACE_HOURS if not given.",
        )

    def run(self, options: Options) -> Told:
        with undone_if(options["dry_run"]):
            if options["rotate"]:
                key = _key_named(options["name"], tenant_name=options["tenant"])
                text = api_key_rotate(key=key, grace=options["grace_hours"], actor=ACTOR)
                key.refresh_from_db()
            else:
                key, text = _made(options)
        if options["dry_run"]:
            return _would_be(key, rotated=options["rotate"])
        return Told(_about(key) | {"id": str(key.pk), "key": text}, text)


def _made(options: Options) -> tuple[ApiKey, str]:
    tenant = tenant_get_or_create(name=options["tenant"], actor=ACTOR)
    named = options["knowledge_bases"]
    key, text = api_key_create(
        tenant=tenant,
        name=options["name"],
        permissions=[Permission(value) for value in options["permissions"]],
        expires_at=options["expires"],
        knowledge_base_ids=knowledge_bases_named(named, tenant_id=tenant.pk) if named else None,
        actor=ACTOR,
    )
    if options["limits"]:
        limits_set(of=key, limits=options["limits"], actor=ACTOR)
    return key, text


def _key_named(name: str, *, tenant_name: str) -> ApiKey:
    """The valid key of a tenant by its name, or by what it begins with.

    Raises:
        NotFoundError: there is none.
        ConflictError: there are several.
    """
    keys = valid_keys().filter(tenant__name=tenant_name).select_related("tenant").order_by("-created_at")
    prefix = name.removeprefix("rag_")
    found = list(keys.filter(prefix=prefix)[:1]) or list(keys.filter(name=name)[:10])
    if not found:
        raise NotFoundError(f"The tenant {tenant_name!r} has no valid key {name!r}.")
    if len(found) > 1:
        beginnings = ", ".join(f"rag_{key.prefix}" for key in found)
        raise ConflictError(
            f"{name!r} is the name of several keys.", action=f"Give the beginning of one: {beginnings}."
        )
    return found[0]


def _hours(text: str) -> timedelta:
    """Raises argparse.ArgumentTypeError: it is no number of hours."""
    if not text.isdecimal() or len(text) > 4:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of hours")
    return timedelta(hours=int(text))


def _end(text: str) -> datetime:
    """Raises argparse.ArgumentTypeError: it is no time to come."""
    if (days := _DAYS.fullmatch(text)) and int(days[1]):
        return timezone.now() + timedelta(days=int(days[1]))
    try:
        read = parse_datetime(text) or _midnight(text)
    except ValueError:
        read = None
    if read is None:
        raise argparse.ArgumentTypeError(f"{text!r} is neither days, such as 90d, nor a date such as 2030-12-31")
    end = read if read.tzinfo else read.replace(tzinfo=UTC)
    if end <= timezone.now():
        raise argparse.ArgumentTypeError(f"{text} is past")
    return end


def _midnight(text: str) -> Any:
    day = parse_date(text)
    return day and datetime(day.year, day.month, day.day, tzinfo=UTC)


def _limits(text: str) -> Limits:
    try:
        return limits_read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _would_be(key: ApiKey, *, rotated: bool) -> Told:
    may = ", ".join(key.permissions)
    told = "would be given a new secret" if rotated else "would be made"
    text = f"1 key {told}: {key.name!r} of tenant {key.tenant.name!r}, which may {may}. Nothing was written."
    return Told({"dry_run": True, **_about(key)}, text)


def _about(key: ApiKey) -> dict[str, object]:
    bases = key.knowledge_base_ids
    return {
        "name": key.name,
        "tenant": key.tenant.name,
        "permissions": list(key.permissions),
        "knowledge_bases": None if bases is None else [str(pk) for pk in bases],
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }
