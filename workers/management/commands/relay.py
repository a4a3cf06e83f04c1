"""`manage.py relay`: events of the outbox, to Kafka."""

from __future__ import annotations

from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About, Prints
from ragsite.core.commands.stopping import run_until_signal
from ragsite.core.metrics.serving import metrics_serve
from ragsite.core.models import OutboxEvent
from workers.relay import relay_run


class Command(base.Command):
    about = About(
        sentence="Publish outbox events to Kafka until stopped.",
        examples=(
            ("manage.py relay", "until SIGTERM, which ends it with 0"),
            ("manage.py relay --dry-run", "how many events wait"),
        ),
        changes=True,
        prints=Prints.NOTHING,
        resumed="Run it again: events that were not delivered wait in the outbox.",
    )

    def run(self, options: Options) -> Told | None:
        if options["dry_run"]:
            waiting = OutboxEvent.objects.filter(sent_at=None).count()
            return Told({}, f"{waiting:,} events would be published. Nothing was sent.")
        metrics_serve()
        run_until_signal(relay_run)
        return None
