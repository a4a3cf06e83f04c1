"""The way of a document and of a question through the code: which files they pass, and how often the way turns back.

    python -m benchmarks.walk [--json] [--files]

It starts a PostgreSQL of its own, uploads a document over REST, works through all stages, and asks a question over REST, all
in one process with the fake model. For each it counts the project's files in which a function ran, their folders, and the
returns: how often the way enters a folder that it had left. What only Django, drf or a library calls is counted as well.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.walk", description="The way through the code.")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument(
        "--files", action="store_true", help="name the files, in the order in which they are first entered"
    )
    options = parser.parse_args()
    stack = import_module("ragsite.stack.stack")
    with tempfile.TemporaryDirectory(prefix="ragsite-walk-", ignore_cleanup_errors=True) as folder:
        os.environ.update(
            DJANGO_SETTINGS_MODULE="ragsite.settings",
            RAGSITE_DATA_DIR=folder,
            RAGSITE_SECRET_KEY="walk-only-" + "0" * 40,
            RAGSITE_MODEL_TRANSPORT="fake",
            RAGSITE_DOORBELL="ragsite.core.jobs.SilentDoorbell",
        )
        for given in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"):
            os.environ.pop(given, None)
        Path(folder).chmod(0o755)
        with stack.Stack(Path(folder) / "stack", {}).session() as urls:
            os.environ.update(urls)
            owner = {**os.environ, "DATABASE_URL": os.environ["DATABASE_OWNER_URL"]}
            subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=PROJECT, env=owner, check=True)
            import_module("django").setup()
            found = import_module("benchmarks.walk_traced").walked()
    if options.json:
        print(json.dumps({name: walk.figures() for name, walk in found.items()}))
        return
    for name, walk in found.items():
        print(f"{name}: {walk.in_words()}")
        if options.files:
            print("".join(f"  {file}\n" for file in walk.files), end="")


if __name__ == "__main__":
    main()
