"""What exporting and importing a tenant takes, by how many rows it has.

    python -m benchmarks.transfers [--documents 1000 10000] [--questions 10] [--json]

It starts servers of its own and fills a tenant of each size by SQL: documents with a version, a text and a file, and `questions`
for each of them with an answer and a citation. Each is exported, looked through, imported beside itself as another tenant, so
that every id becomes another, and exported from there. Printed are of each command, beyond what it takes for a tenant with one
document, the seconds of the processor for a thousand rows and the memory that its process had at most; and the ratio of the
largest tenant to the smallest.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module

from benchmarks.place import database


def main() -> None:
    parser = argparse.ArgumentParser(description="What exporting and importing a tenant takes.")
    parser.add_argument("--documents", type=int, nargs="+", default=(1_000, 10_000), help="of each tenant")
    parser.add_argument("--questions", type=int, default=10, help="asked for each document")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with database():
        measured = import_module("benchmarks.transfers_measured")
        figures = measured.measure(options)
        print(json.dumps(figures) if options.json else measured.table(figures))


if __name__ == "__main__":
    main()
