"""How exact limits are across processes, and what a key and its limits cost a request.

    python -m benchmarks.gateway_limits [--json] [--processes 4] [--seconds 10] [--turns 400]

It starts PostgreSQL and Redis of its own. `limiter_error`: so many processes ask at ten times a limit of 100 a second, from an
empty bucket on; what was granted beside what the time allows. `gateway_overhead_p50`: a GET with a key that has limits, and its
tenant, through the edge, beside the same view without edge, key and limits; medians of turns, one after the other.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module

from benchmarks.place import database

MEASURING = "benchmarks.gateway_limits_measured"


def arguments_add(parser: argparse.ArgumentParser) -> None:
    """Add the options that `measure` needs."""
    parser.add_argument("--processes", type=int, default=4, help="that ask at once (default 4)")
    parser.add_argument("--seconds", type=float, default=10, help="how long they do (default 10)")
    parser.add_argument("--turns", type=int, default=400, help="requests each way (default 400)")


def measure(options: argparse.Namespace) -> dict[str, float]:
    """The figures, where servers and settings are there already."""
    found: dict[str, float] = import_module(MEASURING).measure(options)
    return found


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway_limits", description="What limits cost.")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    arguments_add(parser)
    options = parser.parse_args(argv)
    with database():
        found = measure(options)
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
