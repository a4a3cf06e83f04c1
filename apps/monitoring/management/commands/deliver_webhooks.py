"""`manage.py deliver_webhooks`: events of Kafka, to the webhooks that ask for them."""

from __future__ import annotations

from django.core.management.base import CommandParser

from apps.monitoring.webhooks.taking import BATCH, GATHER_SECONDS, WebhookTaker
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About
from ragsite.core.commands.stopping import run_until_signal
from ragsite.core.configuration import ServerSettings
from ragsite.core.consuming.consumer import EventConsumer, Tally, messages_waiting
from ragsite.core.events import events_load
from ragsite.core.metrics.serving import metrics_serve
from ragsite.core.outbox import NO_KAFKA_SENTENCE


class Command(base.Command):
    about = About(
        sentence="Note which webhooks are told of which events of Kafka, until stopped.",
        examples=(
            ("manage.py deliver_webhooks", "until SIGTERM, which ends it with 0"),
            ("manage.py deliver_webhooks --idle 30", "until nothing came for half a minute"),
            ("manage.py deliver_webhooks --dry-run", "how many messages wait"),
        ),
        changes=True,
        resumed="Run it again: it goes on after the last batch that was noted.",
        notes=(
            "Workers send what it notes: the job webhook-deliver.",
            "While Kafka or the database is away it waits, longer each time, and goes on by itself.",
        ),
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("--idle", type=float, metavar="SECONDS", help="End once nothing has come for so long.")

    def run(self, options: Options) -> Told:
        if not ServerSettings.current().has_kafka:
            return Told(Tally().told(), f"{NO_KAFKA_SENTENCE} There is nothing to tell webhooks of.")
        events_load()
        client, taker = ServerSettings.current().kafka_client, WebhookTaker()
        if options["dry_run"]:
            waiting = messages_waiting(taker, client)
            return Told(
                {"dry_run": True, "waiting": waiting}, f"{waiting:,} messages would be read. Nothing was taken."
            )
        metrics_serve()
        consumer = EventConsumer(taker, client, batch=BATCH, gather_seconds=GATHER_SECONDS)
        run_until_signal(lambda stop: consumer.run(stop, idle_seconds=options["idle"]))
        done = consumer.tally
        text = f"{done.taken:,} events were taken, {done.passed_over:,} passed over, {done.dead:,} laid aside as dead letters."
        return Told(done.told(), text)
