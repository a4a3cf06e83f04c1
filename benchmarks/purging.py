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
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.place import folder, measured

PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description="What removing takes: seconds a bite, and how many bites.")
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--chunks", type=int, default=5)
    parser.add_argument("--blobs", type=int, default=1_000_000)
    parser.add_argument("--bases", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    stack = import_module("ragsite.stack.stack")
    with folder() as path:
        os.environ.update(RAGSITE_SECRET_KEY="benchmark-only-" + "0" * 40, RAGSITE_MODEL_TRANSPORT="fake")
        for given in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"):
            os.environ.pop(given, None)
        with stack.Stack(path / "stack", {}).session() as urls:
            os.environ.update(urls)
            owner = {**os.environ, "DATABASE_URL": os.environ["DATABASE_OWNER_URL"]}
            subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=PROJECT, env=owner, check=True)
            figures = measured("benchmarks.purging_measured", "measure", options)
    print(json.dumps(figures) if options.json else "\n".join(f"{name}: {told}" for name, told in figures.items()))


if __name__ == "__main__":
    main()
