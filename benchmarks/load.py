"""Far more at once than one machine can serve: what is answered, what is refused in words, and what is neither.

    python -m benchmarks.load [--parts burst overload] [--seconds 60] [--searches 500] [--streams 200] [--uploads 300] [--json]

A whole system is started in a temporary folder on the loopback and given `documents` documents. Then

- `burst`: `searches` clients search and `streams` clients read streamed answers, each its next as soon as it has one, for so
  seconds; a third of the way through, `uploads` files are sent in one moment. Who is refused comes back as `Retry-After` says;
- `overload`: searches come at ten times the rate that clients were served at before, whether or not any is answered, and none is
  tried again: `goodput_to_peak`, and how soon the others were told no.

Errors are answers that are neither a success nor a 429 or 503 with `Retry-After`, and connections without one. Memory is what
the web process and all workers have resident. It stops by itself; the last line is one JSON object.
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

MEASURING = "benchmarks.load_measured"
PARTS = ("burst", "overload")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="Far more than can be served.")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="measure only these")
    parser.add_argument("--seconds", type=float, default=60, help="of each part (default 60)")
    parser.add_argument("--searches", type=int, default=500, help="clients that search (default 500)")
    parser.add_argument("--streams", type=int, default=200, help="clients that read streams (default 200)")
    parser.add_argument("--uploads", type=int, default=300, help="files that are sent in one moment (default 300)")
    parser.add_argument("--documents", type=int, default=100, help="documents of the knowledge base (default 100)")
    options = parser.parse_args(argv)
    with folder() as place, local_environment(), system(place, os.environ, say=say) as running:
        found = measured(MEASURING, "measure", running, options)
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
