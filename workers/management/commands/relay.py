"""`manage.py relay`: events of the outbox, to Kafka."""

from __future__ import annotations

from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About, Prints
from ragsite.core.commands.stopping import run_until_signal
from ragsite.core.configuration import ServerSettings
from ragsite.core.metrics.serving import metrics_serve
from ragsite.core.outbox import NO_KAFKA_SENTENCE, outbox_waiting
from workers.relay_process import relay_run
from workers.relay_samples import waiting_told


class Command(base.Command):
    about = About(
        sentence="Publish outbox events to Kafka until stopped.",
        examples=(
            ("manage.py relay", "until SIGTERM, which ends it with 0"),
            ("manage.py relay --dry-run", "how many events wait"),
        ),
        changes=True,
        prints=Prints.NOTHING,
        notes=("With KAFKA_BOOTSTRAP_SERVERS=none there is nothing to publish: it says so and ends with 0.",),
        resumed="Run it again: events that were not delivered wait in the outbox.",
    )

    def run(self, options: Options) -> Told | None:
        if not ServerSettings.current().has_kafka:
            return Told({}, f"{NO_KAFKA_SENTENCE} There is nothing to publish.")
        if options["dry_run"]:
            waiting = outbox_waiting().count()
            return Told({}, f"{waiting:,} events would be published. Nothing was sent.")
        waiting_told()
        metrics_serve()
        run_until_signal(relay_run)
        return None
