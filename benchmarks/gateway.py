"""The gateway: who may what, how much, recorded and masked, in one run over one set of servers.

    python -m benchmarks.gateway [--json]

Each part is a module of its own, which also runs alone and says there what it measures.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module

from benchmarks.place import database, say

PARTS = ("gateway_limits", "gateway_audit", "gateway_masks", "gateway_matrix")
"""Modules beside this one, each with `measure(options) -> dict[str, float]`; what is not in the options has its default."""


def main() -> None:
    parser = argparse.ArgumentParser(description="The gateway's figures.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    with database():
        for part in PARTS:
            say(f"{part} …")
            figures |= import_module(f"benchmarks.{part}").measure(options)
    print(json.dumps(figures) if options.json else "\n".join(f"{name} {value:g}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
