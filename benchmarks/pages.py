"""How long the server works on each page of the admin, over many documents and over few.

    python -m benchmarks.pages [--documents 100000] [--chunks 10] [--questions 20000] [--small 1000] [--json]

It starts servers of its own and fills one knowledge base with `small` documents of `chunks` chunks, beside another one and
a second tenant: 1 % failed, some under way, some restricted with grants, questions with answers and citations, events. It
asks for every page as a superuser, as an owner and as a reader of one tenant, in this process (one warm-up, then the median
of five), adds documents until there are `documents`, and asks again. `--only` narrows to pages whose name has it.
"""

from __future__ import annotations

import argparse
import json
import os
from importlib import import_module

from benchmarks.place import database


def main() -> None:
    parser = argparse.ArgumentParser(description="How long the server works on each page of the admin.")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--chunks", type=int, default=10)
    parser.add_argument("--questions", type=int, default=20_000)
    parser.add_argument(
        "--small", type=int, default=1_000, help="documents that are asked about before the others come"
    )
    parser.add_argument("--only", default="", help="pages whose name has this alone")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.nice(10)
    with database():
        measured = import_module("benchmarks.pages_measured")
        figures = measured.measure(options)
        print(json.dumps(figures) if options.json else measured.table(figures))


if __name__ == "__main__":
    main()
