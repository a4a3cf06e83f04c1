"""What row-level security costs a search: the same statement with the second wall and without, side by side.

    python -m benchmarks.rights [--documents 2000] [--chunks 10] [--repeats 30]

It starts a PostgreSQL of its own, fills one knowledge base with `documents` x `chunks` random vectors and two more with as
many each, and runs dense searches with and without `reading_as`, in turns. It prints medians of the processor time that
the server spent on a search, and their ratio, exactly and by HNSW index, for a caller who may read all documents; where
half of them are restricted and half of those granted; and who was granted 20 documents of a restricted knowledge base.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description="What row-level security costs a search.")
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--chunks", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    stack = import_module("ragsite.stack.stack")
    with tempfile.TemporaryDirectory(prefix="ragsite-benchmark-", ignore_cleanup_errors=True) as folder:
        os.environ.update(
            DJANGO_SETTINGS_MODULE="ragsite.settings",
            RAGSITE_DATA_DIR=folder,
            RAGSITE_SECRET_KEY="benchmark-only-" + "0" * 40,
            RAGSITE_MODEL_TRANSPORT="fake",
        )
        for given in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"):
            os.environ.pop(given, None)
        Path(folder).chmod(0o755)
        with stack.Stack(Path(folder) / "stack", {}).session() as urls:
            os.environ.update(urls)
            owner = {**os.environ, "DATABASE_URL": os.environ["DATABASE_OWNER_URL"]}
            subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=PROJECT, env=owner, check=True)
            import_module("django").setup()
            import_module("benchmarks.rights_measured").measure(options)


if __name__ == "__main__":
    main()
