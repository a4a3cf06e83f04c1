"""What removing takes: seconds a bite, and how many bites.

    python -m benchmarks.purging [--documents 10000] [--chunks 5] [--blobs 1000000] [--bases 300] [--json]

It starts a PostgreSQL of its own and fills it with rows: deleted documents, each with a version, a text, `chunks` chunks with
a vector of 384 numbers, a stage and a file, beside as many partitions of other knowledge bases as `bases` says. It then takes
the purge's bites one by one, deletes a second knowledge base of as many documents by its job, and walks through a store of
`blobs` empty files in one folder, of which one in a thousand is named by no version.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module

from benchmarks.place import database


def main() -> None:
    parser = argparse.ArgumentParser(description="What removing takes: seconds a bite, and how many bites.")
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--chunks", type=int, default=5)
    parser.add_argument("--blobs", type=int, default=1_000_000)
    parser.add_argument("--bases", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with database():
        figures = import_module("benchmarks.purging_measured").measure(options)
    print(json.dumps(figures) if options.json else "\n".join(f"{name}: {told}" for name, told in figures.items()))


if __name__ == "__main__":
    main()
