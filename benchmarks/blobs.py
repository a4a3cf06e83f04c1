"""What the store of uploads costs: files against plain writes of the same bytes, and memory while a bucket is streamed to.

    python -m benchmarks.blobs [--blobs 300] [--rounds 7] [--large 200] [--json]

Files: each round writes `blobs` blobs of 8 kB through the store and as many by hand (open, write, hash, fsync); the sides take
turns. Bucket: moto's server is started as a process of its own, and a blob of `large` MB goes up and comes down through the
store. Nothing of it needs a database.
"""

from __future__ import annotations

import argparse
import json
import os
from importlib import import_module

import django

from benchmarks.place import folder

ENVIRONMENT = {
    "DATABASE_URL": "postgresql://nowhere",
    "REDIS_URL": "redis://nowhere",
    "KAFKA_BOOTSTRAP_SERVERS": "nowhere:1",
    "RAGSITE_SECRET_KEY": "benchmark-only-" + "0" * 40,
    "RAGSITE_MAX_UPLOAD_MB": "4096",
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
}


def main() -> None:
    parser = argparse.ArgumentParser(description="What the store of uploads costs.")
    parser.add_argument("--blobs", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--large", type=int, default=200, help="MB of the blob that is streamed.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with folder():
        os.environ.update(ENVIRONMENT)
        django.setup()
        figures = import_module("benchmarks.blobs_measured").measure(options)
    print(json.dumps(figures) if options.json else "\n".join(f"{name}: {told}" for name, told in figures.items()))


if __name__ == "__main__":
    main()
