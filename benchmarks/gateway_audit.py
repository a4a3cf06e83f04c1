"""The audit log: whether changes to it are found out, and what an entry adds to a search.

    python -m benchmarks.gateway_audit [--json] [--edits 1000] [--documents 300] [--repeats 200]

It starts servers of its own. First a tenant's log with seals and a checkpoint is changed in `edits` random ways, as somebody
could who owns the tables and has no key: any column of any row, rows removed, copied, forged, exchanged, the end cut off. Each is
verified against the head that was published before, and undone. Then a knowledge base of `documents` documents is searched
with the entry that says what was shown and without, in turns. `audit_tamper_found` is the share of changes that were found, and
must be 1; `audit_share_of_search` is the median time that an entry adds, in medians of a search. Models are stood in for, so that
a search takes less than it would, and the share is more.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module

from benchmarks.place import database


def measure(options: argparse.Namespace) -> dict[str, float]:
    """The figures, on servers that are there and for which Django is set up; `options` are those of the command."""
    found: dict[str, float] = import_module("benchmarks.gateway_audit_measured").measure(options)
    return found


def arguments_add(parser: argparse.ArgumentParser) -> None:
    """Add the options that `measure` needs."""
    parser.add_argument("--edits", type=int, default=1_000, help="changes to the log (default 1,000)")
    parser.add_argument(
        "--documents", type=int, default=300, help="of the knowledge base that is searched (default 300)"
    )
    parser.add_argument(
        "--repeats", type=int, default=200, help="searches with an entry, and as many without (default 200)"
    )


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway_audit", description="The audit log.")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    arguments_add(parser)
    options = parser.parse_args(argv)
    with database():
        found = measure(options)
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
