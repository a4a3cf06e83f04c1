"""`manage.py models`: register checkpoints, list them, choose which are used."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.models.models import ModelVersion
from apps.models.selectors import model_versions
from apps.models.services.registry import model_activate, model_make_default, model_register
from ragsite.core.actors import Actor
from ragsite.core.errors import RagError

ACTOR = Actor.of_command("manage.py models")


class Command(BaseCommand):
    help = "Register embedding models, rerankers and language models, list them, and choose which version is used."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        register = actions.add_parser("register", help="Register a checkpoint.")
        register.add_argument("source", help="A folder, a GGUF file, a hub id such as owner/name, or smollm2.")
        register.add_argument("--name", help="The model's name; else the hub id or the folder's name.")
        register.add_argument("--revision", help="The version's name; of a hub model its full commit hash.")
        actions.add_parser("list", help="List all versions.")
        activate = actions.add_parser("activate", help="Use this version of its model.")
        activate.add_argument("version_id", type=UUID)
        default = actions.add_parser("default", help="Use this version where no model is named.")
        default.add_argument("version_id", type=UUID)

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            for version in _versions(action, options):
                self.stdout.write(_line(version))
        except RagError as error:
            raise CommandError(error.sentence) from error


def _versions(action: str, options: dict[str, Any]) -> list[ModelVersion]:
    match action:
        case "register":
            chosen = {key: options[key] for key in ("source", "name", "revision")}
            return [model_register(**chosen, actor=ACTOR)]
        case "activate":
            return [model_activate(version_id=options["version_id"], actor=ACTOR)]
        case "default":
            return [model_make_default(version_id=options["version_id"], actor=ACTOR)]
        case _:
            return list(model_versions())


def _line(version: ModelVersion) -> str:
    default = " (default)" if version.model.is_default else ""
    does = f"{version.dimensions} dimensions" if version.dimensions else version.kind
    return (
        f"{version.pk}  {version.model.name}{default}  {version.get_status_display().lower()}  "
        f"{does}  {version.max_tokens} tokens  {version.revision[:12]}"
    )
