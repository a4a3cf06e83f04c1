"""`manage.py analytics`: ClickHouse for reports: its tables, what is filled in, and the engine of one machine."""

from __future__ import annotations

import math
import threading

from django.core.management.base import CommandParser

from apps.monitoring.analytics.backfill import PARTS, backfill
from apps.monitoring.analytics.opening import LateStore, store_for_reading, store_for_writing
from apps.monitoring.analytics.reports.standing import standing
from apps.monitoring.analytics.schema.clustered import Cluster, clustered
from apps.monitoring.analytics.schema.migrating import schema_steps
from apps.monitoring.analytics.store import DATABASE
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About, Prints
from ragsite.core.commands.progress import bar
from ragsite.core.commands.stopping import run_until_signal
from ragsite.core.errors import ConflictError
from ragsite.core.work import Turn

STATUS = About(
    sentence="Say which ClickHouse there is, and what each of its tables holds.",
    examples=(("manage.py analytics status", "a line for each table"),),
)
BACKFILL = About(
    sentence="Tell ClickHouse of documents, questions, answers and ratings that are in PostgreSQL.",
    examples=(
        ("manage.py analytics backfill", "all of them; what is there already is not counted twice"),
        ("manage.py analytics backfill --dry-run", "how many rows would be read"),
    ),
    changes=True,
    resumed="Run it again: it goes on with the page at which it stopped.",
    notes=(
        "What PostgreSQL does not keep is not told of: loads of models, what was purged, whether an answer came from the cache.",
    ),
)
SERVE = About(
    sentence="Own the engine of this machine, and answer the other processes, until stopped.",
    examples=(("manage.py analytics serve", "where reports are read while nobody consumes events"),),
    prints=Prints.NOTHING,
    notes=("With CLICKHOUSE_URL=embedded alone. `manage.py consume_events` does this, too.",),
)


CLUSTER = About(
    sentence="Print the statements that make the tables on a cluster of ClickHouse, with shards and replicas.",
    examples=(("manage.py analytics cluster main", "of the cluster `main`, for `clickhouse-client --multiquery`"),),
    notes=(
        "Say them before anything else is started, and again after each upgrade: what is there stays as it is.",
        "It asks no server. docs/analytics.md says what the cluster needs.",
    ),
)


class Command(base.Command):
    sentence = "ClickHouse for reports: what it holds, filling it from PostgreSQL, and the engine of one machine."

    def arguments_add(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="what", required=True)
        self.action_add(actions, "status", STATUS)
        self.action_add(actions, "backfill", BACKFILL)
        self.action_add(actions, "serve", SERVE)
        cluster = self.action_add(actions, "cluster", CLUSTER)
        cluster.add_argument(
            "cluster", metavar="CLUSTER", help="Its name in `remote_servers` of the servers' configuration."
        )
        cluster.add_argument(
            "--database", default=DATABASE, help=f"The database that CLICKHOUSE_URL names ({DATABASE})."
        )

    def run(self, options: Options) -> Told | None:
        return {"status": _status, "backfill": _backfill, "serve": _serve, "cluster": _cluster}[options["what"]](
            options
        )


def _status(options: Options) -> Told:
    tables = standing(store_for_reading())
    lines = [f"{one.table:<16}{one.rows:>14,} rows, {one.bytes / 1e6:,.1f} MB" for one in tables]
    return Told({"tables": [one.__dict__ for one in tables]}, "\n".join(lines))


def _backfill(options: Options) -> Told:
    left = {part.name: part.waiting().count() for part in PARTS}
    if options["dry_run"]:
        text = ", ".join(f"{count:,} {name}" for name, count in left.items())
        return Told({"dry_run": True, "rows": left}, f"{text} would be told of. Nothing was written.")
    done: dict[str, int] = dict.fromkeys(left, 0)
    with store_for_writing() as store, bar("Backfill", sum(left.values())) as shown:

        def said(name: str, rows: int) -> None:
            done[name] += rows
            shown.to(sum(done.values()), f"Backfill: {name}")

        backfill(store, Turn(math.inf), said=said)
    text = ", ".join(f"{count:,} {name}" for name, count in done.items())
    return Told({"rows": done}, f"Told of: {text}.")


def _cluster(options: Options) -> Told:
    statements = clustered(schema_steps(), Cluster(options["cluster"], options["database"]))
    return Told({"statements": statements}, "".join(f"{one};\n\n" for one in statements).rstrip("\n"))


def _serve(options: Options) -> None:
    store = LateStore()

    def serve(stop: threading.Event) -> None:
        opened = store.open()
        if not getattr(opened, "owns", False):
            raise ConflictError(
                "There is no engine here for this process to own.",
                action="Set CLICKHOUSE_URL=embedded, and stop the process that owns it now.",
            )
        stop.wait()

    try:
        run_until_signal(serve)
    finally:
        store.close()
