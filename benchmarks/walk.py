"""The way of a document and of a question through the code: which files they pass, and how often the way turns back.

    python -m benchmarks.walk [--json] [--files]

It starts a PostgreSQL of its own, uploads a document over REST, works through all stages, and asks a question over REST, all
in one process with the fake model. For each it counts the project's files in which a function ran, their folders, and the
returns: how often the way enters a folder that it had left. What only Django, drf or a library calls is counted as well.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module

from benchmarks.place import database


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.walk", description="The way through the code.")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument(
        "--files", action="store_true", help="name the files, in the order in which they are first entered"
    )
    options = parser.parse_args()
    with database(RAGSITE_DOORBELL="ragsite.core.jobs.SilentDoorbell"):
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
