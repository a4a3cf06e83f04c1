"""What it costs to keep events for reports, and that a killed consumer loses none and counts none twice.

    python -m benchmarks.analytics [--questions 50000] [--kills 20] [--json]

The embedded broker is started, and filled with the three events of each question. `manage.py consume_events` then takes them into
the embedded engine, in a process of its own:

- undisturbed: `events_per_second` from its first rows to its last, `sink_microseconds_per_event` of the processor, engine
  included, and `events_per_second_at_a_tenth`, the rate at which that is 10 % of a core;
- with topics that grow, killed by SIGKILL `kills` times while a batch has reached some of the tables and not yet the others:
  `missing` and `double`, of questions, citations and the rows of views;
- as two members of one group, of which the older is killed every two seconds and another comes: `shared_missing`,
  `shared_double`, and `shared_seconds` after the last kill.

It needs `requirements/analytics.in`.
"""

from __future__ import annotations

import argparse
import json
import os
from importlib import import_module

import django

from benchmarks.place import folder

ENVIRONMENT = {
    "DATABASE_URL": "postgresql://nowhere",
    "REDIS_URL": "redis://nowhere",
    "CLICKHOUSE_URL": "embedded",
    "RAGSITE_SECRET_KEY": "benchmark-only-" + "0" * 40,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="What it costs to keep events for reports.")
    parser.add_argument("--questions", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    stack = import_module("ragsite.stack.stack")
    with folder() as place:
        os.environ.update(ENVIRONMENT)
        with stack.Stack(place / "stack", ENVIRONMENT).session() as urls:
            os.environ.update(urls)
            django.setup()
            figures = import_module("benchmarks.analytics_measured").measure(options, place)
    print(json.dumps(figures) if options.json else "\n".join(f"{name}: {told}" for name, told in figures.items()))


if __name__ == "__main__":
    main()
