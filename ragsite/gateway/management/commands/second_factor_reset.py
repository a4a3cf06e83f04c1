"""`manage.py second_factor_reset`: for somebody who has lost the device and the recovery codes, when no superuser can help."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About
from ragsite.core.commands.trying import undone_if
from ragsite.core.errors import NotFoundError
from ragsite.gateway.second_factors import second_factor_remove


class Command(base.Command):
    about = About(
        sentence="Remove the second factor of an account, whose password alone signs in then, or leads to setting up another.",
        examples=(("manage.py second_factor_reset ada", "ada has lost the phone and the recovery codes"),),
        changes=True,
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The account's name.")

    def run(self, options: Options) -> Told:
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise NotFoundError(f"There is no account {options['name']!r}.")
        with undone_if(options["dry_run"]):
            removed = second_factor_remove(user=user, actor=Actor.of_command("manage.py second_factor_reset"))
        done = "would be removed" if options["dry_run"] else "was removed"
        text = f"The second factor of {user.username} {done}." if removed else f"{user.username} has no second factor."
        return Told({"name": user.username, "removed": removed, "dry_run": options["dry_run"]}, text)
