"""Who may use what: every route of the system, as everybody, on one's own things and on another tenant's.

    python -m benchmarks.gateway_matrix [--json]

It starts servers of its own, makes two tenants with a row of everything each, and asks every address that Django answers as
nobody, as a stranger, as a person of each role, as a superuser, and with a key of each permission. Each answer is held
against `gateway_matrix_table.py`. `route_matrix` is how many requests were tried, `route_matrix_wrong` how many answers were
others than the table says, with the routes that it lacks; they are listed before.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module

from benchmarks.place import database


def arguments_add(parser: argparse.ArgumentParser) -> None:
    """Nothing can be chosen."""


def measure(options: argparse.Namespace | None = None) -> dict[str, float]:
    """The figures, in a process that has its servers and Django set up."""
    figures: dict[str, float] = import_module("benchmarks.gateway_matrix_measured").measure(options)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description="Who may use what, over all routes.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    with database():
        figures = measure(options)
    print(json.dumps(figures) if options.json else "\n".join(f"{name} {value:g}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
