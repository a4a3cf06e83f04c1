"""The gateway: who may what, how much, recorded and masked, in one run over one set of servers.

    python -m benchmarks.gateway [--json]

Each part is a module of its own, which also runs alone and says there what it measures; its options are taken here, too.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module

from benchmarks.place import database, say

PARTS = ("gateway_limits", "gateway_audit", "gateway_masks", "gateway_matrix")
"""Modules beside this one, each with `arguments_add(parser)` for its options and `measure(options) -> dict[str, float]`."""


def main() -> None:
    parser = argparse.ArgumentParser(description="The gateway's figures.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parts = {name: import_module(f"benchmarks.{name}") for name in PARTS}
    for part in parts.values():
        part.arguments_add(parser)
    options = parser.parse_args()
    figures: dict[str, float] = {}
    with database():
        for name, part in parts.items():
            say(f"{name} …")
            figures |= part.measure(options)
    print(json.dumps(figures) if options.json else "\n".join(f"{name} {value:g}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
