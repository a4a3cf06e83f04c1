"""Measures the read side on this machine and prints ratios.

    python -m benchmarks.search [--json] [--chunks 100000] [--questions 150] [--rounds 3] [--sizes 10000 30000 300000]
                                [--parts NAME ...]

A whole system is started in a temporary folder with one knowledge base of `chunks` chunks, whose vectors are mixed from real
ones. Over HTTP it is compared with its parts; then, on the servers alone, its index with exact search, its dense search
with plain pgvector, hybrid with dense, one size with another, and a search by words that counts what may be seen with one that
counts everything. Figures are printed as they come; the last line is
one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.place import folder, measured, say
from benchmarks.search.options import PARTS, Options
from ragsite.stack.local import local_environment
from ragsite.stack.system import system

MEASURING = "benchmarks.search.measuring"
SIZES = (10_000, 30_000, 300_000)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description="Measure the read side.")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--chunks", type=int, default=100_000, help="chunks of the knowledge base (default 100000)")
    parser.add_argument("--questions", type=int, default=150, help="questions of each comparison (default 150)")
    parser.add_argument("--rounds", type=int, default=3, help="how often speeds are compared (default 3)")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="further sizes, for the growth")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="measure only these")
    given = parser.parse_args(argv)
    options = Options(given.chunks, given.questions, given.rounds, tuple(given.sizes), frozenset(given.parts))
    with folder() as place, local_environment():
        with system(place, os.environ, say=say) as running:
            found: dict[str, Any] = measured(MEASURING, "with_system", running, options)
        found |= measured(MEASURING, "without_system", options)
    print(json.dumps(found) if given.json else json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
