"""A pass for somebody who may not sign in because others try in the same name."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.http import urlencode

from ragsite.core.actors import Actor, change_log
from ragsite.gateway.sign_in_page import PATH
from ragsite.gateway.sign_ins import PASS_VALID_FOR, sign_in_pass


class Command(BaseCommand):
    help = "Print where the owner of an account signs in, password and all, while others fail in the same name."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The account's name.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise CommandError(f"There is no account {options['name']!r}.")
        change_log(f"a pass was made for {user.username}", actor=Actor.of_command("manage.py sign_in_pass"))
        minutes = PASS_VALID_FOR.seconds // 60
        self.stdout.write(f"{PATH}?{urlencode({'pass': sign_in_pass(user.username)})}")
        self.stderr.write(f"To be opened within {minutes} minutes, in the browser that shall sign in.")
