"""What people who lean on the door cost those who come in, on a whole system.

    python -m benchmarks.door [--json] [--only keyless halves readers uploads asks] [--clients 10] [--seconds 10]

A whole system is started in a temporary folder. Then, one after another: a POST of 100 MB without a key, and 1,500 requests of
which half a head is sent (memory and disk of the web process); 200 clients that ask for a long list and read nothing, beside
`clients` that search; 300 uploads of one key, 60 at a time, beside another tenant's lists; and 150 questions whose clients leave
after half a second, beside another tenant's. Times are in milliseconds. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from benchmarks.place import folder, measured, say
from ragsite.stack.local import local_environment
from ragsite.stack.system import system

MEASURING = "benchmarks.door_measured"
PARTS = ("keyless", "halves", "readers", "uploads", "asks")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.door", description="People who lean on the door.")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts (default all)")
    parser.add_argument("--clients", type=int, default=10, help="clients that search (default 10)")
    parser.add_argument("--seconds", type=float, default=10, help="how long they do, each time (default 10)")
    options = parser.parse_args(argv)
    with folder() as place, local_environment(), system(place, os.environ, say=say) as running:
        found = measured(MEASURING, "measure", running, place, options)
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
