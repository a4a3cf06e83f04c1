"""`manage.py consume_events`: events of Kafka, into ClickHouse."""

from __future__ import annotations

import threading

from django.core.management.base import CommandParser

from apps.monitoring.analytics.keeping import BATCH, GATHER_SECONDS, Keeper
from apps.monitoring.analytics.opening import LateStore
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
        sentence="Take events from Kafka into ClickHouse, for reports, until stopped.",
        examples=(
            ("manage.py consume_events", "until SIGTERM, which ends it with 0"),
            ("manage.py consume_events --idle 30", "until nothing came for half a minute"),
            ("manage.py consume_events --dry-run", "how many messages wait"),
        ),
        changes=True,
        resumed="Run it again: it goes on after the last batch that is in ClickHouse.",
        notes=(
            "With CLICKHOUSE_URL=embedded this process owns the engine, if no other does, and answers the others.",
            "While Kafka or ClickHouse is away it waits, longer each time, and goes on by itself.",
            "With KAFKA_BOOTSTRAP_SERVERS=none there is nothing to take: it says so and ends with 0.",
        ),
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("--idle", type=float, metavar="SECONDS", help="End once nothing has come for so long.")

    def run(self, options: Options) -> Told:
        if not ServerSettings.current().has_kafka:
            return Told(Tally().told(), f"{NO_KAFKA_SENTENCE} There is nothing to take.")
        events_load()
        client = ServerSettings.current().kafka_client
        store = LateStore()
        keeper = Keeper(store)
        if options["dry_run"]:
            waiting = messages_waiting(keeper, client)
            return Told(
                {"dry_run": True, "waiting": waiting}, f"{waiting:,} messages would be read. Nothing was taken."
            )
        consumer = EventConsumer(keeper, client, batch=BATCH, gather_seconds=GATHER_SECONDS)

        def consume(stop: threading.Event) -> None:
            metrics_serve()
            store.open()
            consumer.run(stop, idle_seconds=options["idle"])

        try:
            run_until_signal(consume)
        finally:
            store.close()
        done = consumer.tally
        text = f"{done.taken:,} events were taken, {done.passed_over:,} passed over, {done.dead:,} laid aside as dead letters."
        return Told(done.told(), text)
