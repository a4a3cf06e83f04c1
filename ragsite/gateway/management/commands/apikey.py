"""`manage.py apikey`: a key for an application."""

from __future__ import annotations

from argparse import ArgumentTypeError

from django.core.management.base import CommandParser

from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About
from ragsite.core.commands.trying import undone_if
from ragsite.core.limits import EXAMPLE, NO_LIMITS, Limits, limits_read
from ragsite.gateway.keys import api_key_create
from ragsite.gateway.limits.rows import limits_set
from ragsite.gateway.models import ApiKey, Permission
from ragsite.gateway.tenants import tenant_get_or_create

ACTOR = Actor.of_command("manage.py apikey")


class Command(base.Command):
    about = About(
        sentence="Make an API key and print it; it is not shown again.",
        examples=(
            ("manage.py apikey 'my application'", "a key that reads, writes and asks, of the tenant Default"),
            ("manage.py apikey reports --tenant Harbour --permissions read query", "one that changes nothing"),
            ("manage.py apikey visitors --limits 'answers=10/minute streams=2'", "one that may not ask for much"),
        ),
        changes=True,
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="Who or what the key is for.")
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

    def run(self, options: Options) -> Told:
        permissions = [Permission(value) for value in options["permissions"]]
        with undone_if(options["dry_run"]):
            tenant = tenant_get_or_create(name=options["tenant"], actor=ACTOR)
            key, text = api_key_create(tenant=tenant, name=options["name"], permissions=permissions, actor=ACTOR)
            if options["limits"]:
                limits_set(tenant=tenant, api_key=key, limits=options["limits"], actor=ACTOR)
        return _would_be(key) if options["dry_run"] else Told(_about(key) | {"id": str(key.pk), "key": text}, text)


def _limits(text: str) -> Limits:
    try:
        return limits_read(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _would_be(key: ApiKey) -> Told:
    may = ", ".join(key.permissions)
    text = f"1 key would be made: {key.name!r} of tenant {key.tenant.name!r}, which may {may}. Nothing was written."
    return Told({"dry_run": True, **_about(key)}, text)


def _about(key: ApiKey) -> dict[str, object]:
    return {"name": key.name, "tenant": key.tenant.name, "permissions": list(key.permissions)}
