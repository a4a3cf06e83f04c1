from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ragsite.core.actors import Actor
from ragsite.gateway.keys import api_key_create
from ragsite.gateway.models import Permission
from ragsite.gateway.tenants import tenant_get_or_create


class Command(BaseCommand):
    help = "Make an API key and print it; it is not shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="Who or what the key is for.")
        parser.add_argument("--tenant", default="Default", help="The tenant's name; made if there is none.")
        parser.add_argument(
            "--permissions",
            nargs="+",
            choices=Permission.values,
            default=[Permission.READ.value, Permission.WRITE.value, Permission.QUERY.value],
        )

    def handle(self, *args: Any, **options: Any) -> None:
        actor = Actor.of_command("manage.py apikey")
        tenant = tenant_get_or_create(name=options["tenant"], actor=actor)
        permissions = [Permission(value) for value in options["permissions"]]
        _, text = api_key_create(tenant=tenant, name=options["name"], permissions=permissions, actor=actor)
        self.stdout.write(text)
