"""Measures the write side on this machine, side by side with its peers, and prints ratios.

    python -m benchmarks.ingestion [--json] [--documents 2000] [--rounds 3] [--parts NAME ...]
                                   [--precision float32]

A whole system is started in a temporary folder, fed over HTTP, and stopped again. Each ratio is the median of rounds in
which the two sides took turns. Figures are printed as they come; the last line is one JSON object. With `--precision float32` the
part `engine` computes as on a CPU without bfloat16.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from apps.models.engine.settings import Precision
from benchmarks.ingestion.options import PARTS, Options
from benchmarks.place import folder, measured, say
from ragsite.stack.local import local_environment
from ragsite.stack.system import system

MEASURING = "benchmarks.ingestion.measuring"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingestion", description="Measure the write side.")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--documents", type=int, default=2000, help="documents of the whole way (default 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each comparison is made (default 3)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="measure only these")
    parser.add_argument(
        "--precision", type=Precision, default=Precision.AUTO, help="of the part `engine` (default auto)"
    )
    given = parser.parse_args(argv)
    options = Options(given.documents, given.rounds, frozenset(given.parts), given.precision)
    with folder() as place, local_environment():
        found: dict[str, Any] = {}
        with system(place, os.environ, say=say) as running:
            found |= measured(MEASURING, "with_system", running, options)
        found |= measured(MEASURING, "without_system", options)
    print(json.dumps(found) if given.json else json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
