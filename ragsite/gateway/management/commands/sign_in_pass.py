"""A pass for somebody who may not sign in because others try in the same name."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.management.base import CommandParser
from django.utils.http import urlencode

from ragsite.core.actors import Actor, change_log
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About
from ragsite.core.errors import NotFoundError
from ragsite.gateway.sign_in_page import PATH
from ragsite.gateway.sign_ins import PASS_VALID_FOR, sign_in_pass


class Command(base.Command):
    about = About(
        sentence="Print where the owner of an account signs in, password and all, while others fail in the same name.",
        examples=(("manage.py sign_in_pass ada", "an address for ada's browser, valid for 15 minutes"),),
        notes=("Nothing is stored: the pass is in the address.",),
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The account's name.")

    def run(self, options: Options) -> Told:
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise NotFoundError(f"There is no account {options['name']!r}.")
        actor = Actor.of_command("manage.py sign_in_pass")
        change_log(f"a pass was made for {user.username}", actor=actor, action="sign_in_pass.created", of=user)
        path = f"{PATH}?{urlencode({'pass': sign_in_pass(user.username)})}"
        minutes = PASS_VALID_FOR.seconds // 60
        self.say(f"To be opened within {minutes} minutes, in the browser that shall sign in.")
        return Told({"name": user.username, "path": path, "minutes": minutes}, path)
