"""`manage.py oidc_link`: an account that was there before becomes that of somebody at the provider."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About
from ragsite.core.commands.trying import undone_if
from ragsite.core.configuration import OidcSettings
from ragsite.core.errors import ConfigurationError, NotFoundError
from ragsite.gateway.oidc.accounts import provided_link


class Command(base.Command):
    about = About(
        sentence="Let somebody at the OpenID Connect provider sign in to an account that is here already.",
        examples=(
            ("manage.py oidc_link ada 5f1c2e", "the provider's subject 5f1c2e signs in to the account ada from now on"),
        ),
        changes=True,
        notes=("The subject is what the provider never changes of a user; names and e-mail addresses link nothing.",),
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The account's name.")
        parser.add_argument("subject", help="The user's subject (`sub`) at the provider.")

    def run(self, options: Options) -> Told:
        issuer = OidcSettings.current().issuer
        if not issuer:
            raise ConfigurationError("No provider is set up.", action="Give RAGSITE_OIDC_ISSUER.")
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise NotFoundError(f"There is no account {options['name']!r}.")
        with undone_if(options["dry_run"]):
            provided_link(
                user=user, issuer=issuer, subject=options["subject"], actor=Actor.of_command("manage.py oidc_link")
            )
        done = "would be linked" if options["dry_run"] else "is linked"
        told = {"name": user.username, "issuer": issuer, "subject": options["subject"], "dry_run": options["dry_run"]}
        return Told(told, f"{user.username} {done} to {options['subject']} at {issuer}.")
