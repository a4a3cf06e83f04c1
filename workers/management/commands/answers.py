"""`manage.py answers warm`: the most asked questions are asked again, so that their answers are there."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.documents.intake.ingestion import knowledge_base_named
from apps.retrieval.doors.warming import answers_warm
from ragsite.core.actors import Actor
from ragsite.core.configuration import AnswerCacheSettings
from ragsite.core.errors import RagError

ACTOR = Actor.of_command("manage.py answers")


class Command(BaseCommand):
    help = "Ask the most asked questions again, each as who asked it, so that the next one finds the answer made."

    def add_arguments(self, parser: CommandParser) -> None:
        warm = parser.add_subparsers(dest="what", required=True).add_parser("warm", help="Ask them.")
        warm.add_argument("--knowledge-base", help="Of questions to this one alone: its name or id.")
        warm.add_argument("--tenant", default="", help="Whose it is, where the name does not tell.")
        warm.add_argument("--top", type=int, default=20, help="How many questions (20).")
        warm.add_argument("--days", type=int, default=7, help="Asked within so many days (7).")

    def handle(self, *args: Any, **options: Any) -> None:
        if not AnswerCacheSettings.current().seconds:
            raise CommandError("Answers are not kept: RAGSITE_ANSWER_CACHE_SECONDS is 0.")
        named = options["knowledge_base"]
        try:
            base = knowledge_base_named(named, tenant=options["tenant"]) if named else None
        except RagError as error:
            raise CommandError(error.sentence) from None
        warmed = answers_warm(most=options["top"], days=options["days"], knowledge_base=base, actor=ACTOR)
        self.stdout.write(f"{warmed.made} made, {warmed.kept} kept already, {warmed.failed} not answered.")
