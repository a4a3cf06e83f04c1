"""Questions while bulk work runs, side by side with questions while nothing else does.

    python -m benchmarks.questions [--json] [--documents 200] [--clients 25] [--seconds 30]

A whole system is started in a temporary folder and given `documents` documents. Then `clients` clients search over HTTP, each
its next question as soon as it has an answer: first while the system is otherwise idle, then during a re-index that re-chunks and
re-embeds all documents, then while another tenant's backlog of as many documents is worked on. It prints the answers, how many of
them were degraded (found by words alone) or errors, the ratios of their times to those of the idle system, and the memory of each
process at the end. The last line is one JSON object.
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

MEASURING = "benchmarks.questions_measured"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.questions", description="Questions beside bulk work.")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--documents", type=int, default=200, help="documents of the knowledge base (default 200)")
    parser.add_argument("--clients", type=int, default=25, help="clients that search at once (default 25)")
    parser.add_argument("--seconds", type=float, default=30, help="how long they do, each time (default 30)")
    options = parser.parse_args(argv)
    with folder() as place, local_environment(), system(place, os.environ, say=say) as running:
        found = measured(MEASURING, "measure", running, options)
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
