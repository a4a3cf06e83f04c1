"""`manage.py answers warm`: the most asked questions are asked again, so that their answers are there."""

from __future__ import annotations

from dataclasses import asdict

from django.core.management.base import CommandParser

from apps.documents.intake.ingestion import knowledge_base_named
from apps.retrieval.doors.warming import answers_warm, most_asked
from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About
from ragsite.core.commands.progress import bar
from ragsite.core.configuration import AnswerCacheSettings
from ragsite.core.errors import ConflictError

ACTOR = Actor.of_command("manage.py answers")

WARM = About(
    sentence="Ask the most asked questions again, each as who asked it, so that the next one finds the answer made.",
    examples=(
        ("manage.py answers warm --knowledge-base Handbooks", "the 20 most asked of the last 7 days"),
        ("manage.py answers warm --top 100 --days 30 --dry-run", "which ones that would be"),
    ),
    changes=True,
    resumed="Run it again: answers that were made are kept, and not made twice.",
)


class Command(base.Command):
    reads_settings = True
    sentence = "Answers that are given again: make them before somebody asks."

    def arguments_add(self, parser: CommandParser) -> None:
        warm = self.action_add(parser.add_subparsers(dest="what", required=True), "warm", WARM)
        warm.add_argument("--knowledge-base", help="Of questions to this one alone: its name or id.")
        warm.add_argument("--tenant", default="", help="Whose it is, where the name does not tell.")
        warm.add_argument("--top", type=int, default=20, help="How many questions (20).")
        warm.add_argument("--days", type=int, default=7, help="Asked within so many days (7).")

    def run(self, options: Options) -> Told:
        if not AnswerCacheSettings.current().seconds:
            raise ConflictError("Answers are not kept: RAGSITE_ANSWER_CACHE_SECONDS is 0.")
        named = options["knowledge_base"]
        only = knowledge_base_named(named, tenant=options["tenant"]) if named else None
        asked = most_asked(most=options["top"], days=options["days"], knowledge_base=only, actor=ACTOR)
        if options["dry_run"]:
            lines = [
                f"{len(asked)} questions would be asked. Nothing was written.",
                *(one["question"] for one in asked),
            ]
            return Told({"dry_run": True, "questions": [one["question"] for one in asked]}, "\n".join(lines))
        with bar("Questions", len(asked)) as progress:
            warmed = answers_warm(asked, told=progress.advance, actor=ACTOR)
        text = f"{warmed.made} made, {warmed.kept} kept already, {warmed.failed} not answered."
        return Told(asdict(warmed), text)
