"""`manage.py events`: those that were given up, and sending them again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet

from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About
from ragsite.core.models import OutboxEvent
from ragsite.core.outbox import dead_letters, outbox_send_again

ACTOR = Actor.of_command("manage.py events")

DEAD_LETTERS = About(
    sentence="List the events that were given up, with the reason: each went to the topic ragsite.dead_letters.",
    examples=(
        ("manage.py events dead-letters", "the newest 50"),
        ("manage.py events dead-letters --type document.created --json", "those of a kind, for a program"),
    ),
)
SEND_AGAIN = About(
    sentence="Send events that were given up again, once what was wrong is mended.",
    examples=(
        ("manage.py events send-again --event 01a21f3a-f9fc-77cf-b9a8-cf08c9d9fc81", "one of them"),
        ("manage.py events send-again --type document.created --dry-run", "how many of a kind there are"),
        ("manage.py events send-again --all", "all of them"),
    ),
    changes=True,
    notes=(
        "They keep their ids, so a consumer that had one drops it, and arrive after what was sent of their key meanwhile.",
    ),
)


class Command(base.Command):
    sentence = "Events that could not be delivered: look at them, and send them again."

    def arguments_add(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="what", required=True)
        listing = self.action_add(actions, "dead-letters", DEAD_LETTERS)
        listing.add_argument("--most", type=int, default=50, help="How many, the newest first (50).")
        again = self.action_add(actions, "send-again", SEND_AGAIN)
        again.add_argument("--event", type=UUID, action="append", default=[], help="The id of one; may be repeated.")
        again.add_argument("--all", action="store_true", help="All of them.")
        for one in (listing, again):
            one.add_argument("--type", default="", help="Of this kind alone, such as document.created.")

    def run(self, options: Options) -> Told:
        letters = dead_letters().filter(**({"type": options["type"]} if options["type"] else {}))
        return _listed(letters, options["most"]) if options["what"] == "dead-letters" else _sent_again(letters, options)


def _listed(letters: QuerySet[OutboxEvent], most: int) -> Told:
    found = list(letters.order_by("-id")[:most])
    lines = [f"{one.event_id}  {one.type}  {one.key}  tried {one.attempts} times: {one.error}" for one in found]
    return Told([_as_json(one) for one in found], "\n".join(lines) or "There are none.")


def _as_json(one: OutboxEvent) -> dict[str, Any]:
    return {
        "id": str(one.event_id), "type": one.type, "key": one.key, "tenant": one.tenant_id and str(one.tenant_id),
        "reason": one.error, "attempts": one.attempts, "created_at": one.created_at, "given_up_at": one.sent_at,
    }  # fmt: skip


def _sent_again(letters: QuerySet[OutboxEvent], options: Options) -> Told:
    """Those that the options name. Raises CommandError: they name none."""
    if not (options["event"] or options["type"] or options["all"]):
        raise CommandError("Say which ones: --event, --type or --all.")
    chosen = letters.filter(event_id__in=options["event"]) if options["event"] else letters
    if options["dry_run"]:
        number = chosen.count()
        return Told({"dry_run": True, "events": number}, f"{number:,} events would be sent again. Nothing was written.")
    number = outbox_send_again(chosen, actor=ACTOR)
    return Told({"events": number}, f"{number:,} events are sent again.")
