"""Dense searches of the same vectors in PostgreSQL and in Milvus, side by side.

    python -m benchmarks.stores [--chunks 30000] [--questions 100]

It starts a PostgreSQL of its own and Milvus Lite as a process beside it (pure Python over FAISS: how fast a cluster is, it does
not say), and fills a knowledge base in each. It prints recall@10 against a comparison of all vectors, p50 and p95 of the dense
leg with all that it asks PostgreSQL for, the time until the index, or the store, has all vectors, and the bytes of each.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from benchmarks.place import database


def main() -> None:
    parser = argparse.ArgumentParser(description="Dense searches in PostgreSQL and in Milvus.")
    parser.add_argument("--chunks", type=int, default=30_000)
    parser.add_argument("--questions", type=int, default=100)
    options = parser.parse_args()
    with database():
        import_module("benchmarks.stores_measured").measure(options)


if __name__ == "__main__":
    main()
