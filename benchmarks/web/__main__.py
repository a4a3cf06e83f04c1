"""How requests could run: ratios of several servers and handlers that take turns on the same requests, on the loopback.

    python -m benchmarks.web [--json] [--rounds 3] [--seconds 4] [--streams 500]

It starts a PostgreSQL of its own, fills a knowledge base with documents, and starts every candidate (`candidates.py`) in a
process of its own with the product's views and middleware. In each round each candidate lists documents for 5 and for 50
clients. Then each has `streams` clients that read a slow stream while five others list documents: once of a door that asks the
database for nothing, and once of one that looks up a key, as a door of the product does. Candidates of packages that are not
installed are left out, with a word. Times are in milliseconds, CPU is the server's processor time a request, memory is PSS in
MB; the last line is one JSON array.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from benchmarks.place import database


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web", description="How requests could run.")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON array")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of listing (default 3)")
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement (default 4)")
    parser.add_argument("--streams", type=int, default=500, help="clients that read slowly (default 500; 0: none)")
    parser.add_argument("--documents", type=int, default=200, help="documents of the knowledge base (default 200)")
    parser.add_argument("--only", nargs="+", default=[], help="candidates, by name (default all)")
    options = parser.parse_args(argv)
    with database(RAGSITE_DOORBELL="ragsite.core.jobs.SilentDoorbell"):
        found: list[dict[str, Any]] = import_module("benchmarks.web.measuring").measured(options)
    if not options.json:
        _print(found)
    print(json.dumps(found))
    return 0


def _print(found: list[dict[str, Any]]) -> None:
    names = list(found[0])
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for row in found:
        print(f"| {' | '.join(str(row[name]) for name in names)} |")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
