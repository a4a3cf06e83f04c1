"""What row-level security costs a search: the same statement with the second wall and without, side by side.

    python -m benchmarks.rights [--documents 2000] [--chunks 10] [--repeats 30]

It starts a PostgreSQL of its own, fills one knowledge base with `documents` x `chunks` random vectors and two more with as
many each, and runs dense searches with and without `reading_as`, in turns. It prints medians of the processor time that
the server spent on a search, and their ratio, exactly and by HNSW index, for a caller who may read all documents; where
half of them are restricted and half of those granted; and who was granted 20 documents of a restricted knowledge base.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from benchmarks.place import database


def main() -> None:
    parser = argparse.ArgumentParser(description="What row-level security costs a search.")
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--chunks", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    with database():
        import_module("benchmarks.rights_measured").measure(options)


if __name__ == "__main__":
    main()
