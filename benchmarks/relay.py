"""How soon an event is at the broker, how fast a full outbox empties, and what it costs to forget events.

    python -m benchmarks.relay [--events 50000] [--single 60] [--json]

Servers of its own are started, and `manage.py relay` as a process of its own. `commit_to_broker_p95_ms`: of events that come one
by one after a pause, from when they were written, shortly before their commit, until they are marked as sent, shortly after the
broker's word for it. `relay_events_per_second`: of an outbox that is full when the relay starts, from the first that is marked as
sent to the last. `forgotten_by_rows_seconds` and `forgotten_by_day_seconds`, with the bytes of WAL that each wrote: as many
events of a day, deleted in bites and dropped with their partition.
"""

from __future__ import annotations

import argparse
import json

from benchmarks.place import database, measured


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast the relay is.")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--single", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with database():
        figures = measured("benchmarks.relay_measured", "measure", options)
    print(json.dumps(figures) if options.json else "\n".join(f"{name}: {told}" for name, told in figures.items()))


if __name__ == "__main__":
    main()
