"""Whether anything that a request or a job does grows with the number of tenants.

    python -m benchmarks.tenants [--few 10] [--many 1000] [--documents 100] [--repeats 20] [--json]

It starts servers of its own. One tenant is made by the services, with `documents` documents that pass all stages; others by
SQL, each with a member, a knowledge base and its partition of vectors, as many documents and some questions. Everything that
is measured is asked as that tenant: beside `few` others, and beside `many`. Printed are statements and pages of 8 kB that
PostgreSQL touched for one request (from the cache or the disk), and milliseconds in this process; and the ratio of pages.
"""

from __future__ import annotations

import argparse
import json
import os
from importlib import import_module

from benchmarks.place import database


def main() -> None:
    parser = argparse.ArgumentParser(description="Whether anything grows with the number of tenants.")
    parser.add_argument("--few", type=int, default=10)
    parser.add_argument("--many", type=int, default=1_000)
    parser.add_argument("--documents", type=int, default=100, help="of each tenant")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.nice(3)
    with database():
        measured = import_module("benchmarks.tenants_measured")
        figures = measured.measure(options)
        print(json.dumps(figures) if options.json else measured.table(figures))


if __name__ == "__main__":
    main()
