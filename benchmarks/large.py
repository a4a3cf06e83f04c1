"""Large knowledge bases: what their indexes find, take and cost, by how many candidates a search holds.

    python -m benchmarks.large [--sizes 40000 100000 300000] [--questions 200] [--candidates 200 400 600 800 1000]
                               [--kinds vectors bits] [--memory-mb 2048] [--workers 1] [--kept 500 100 20]
    python -m benchmarks.large --parts [--sizes 30000] [--questions 100] [--candidates 50 100 200]

It starts servers of its own. For each size it fills a knowledge base, whose vectors are mixed from a model's own as in
`benchmarks.search`, builds an index of the vectors and one of single bits, and searches both with each number of candidates, in
turns. The nearest are known beforehand, from a comparison of all in this process. Times are those of a whole search by meaning
(top 10, under rights), and of it what the server's process spent on a processor, which other work on the machine does not change.
Each size is printed as one line of JSON as soon as it is known. With `--kept` the same is asked under filters too, which keep so
many of 1,000 documents.

With `--parts` it is one index beside six parts by month, of the same vectors: asked for everything, for half of the parts and for
one, with the candidates of the rules and with others in each part.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from benchmarks.place import database

SIZES = (40_000, 100_000, 300_000)
CANDIDATES = (200, 400, 600, 800, 1_000)
KINDS = ("vectors", "bits")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description="Measure large knowledge bases.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="chunks of each knowledge base")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--candidates", type=int, nargs="+", default=CANDIDATES, help="how many a search holds")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="of what the indexes are")
    parser.add_argument("--kept", type=int, nargs="+", default=(), help="also under filters that keep so many of 1,000")
    parser.add_argument("--memory-mb", type=int, default=2_048, help="that building an index may take")
    parser.add_argument("--workers", type=int, default=1, help="processes that help to build an index")
    parser.add_argument("--parts", action="store_true", help="compare one index with six parts of the same vectors")
    options = parser.parse_args()
    with database(RAGSITE_INDEX_MEMORY_MB=str(options.memory_mb)):
        import_module("benchmarks.large_in_parts" if options.parts else "benchmarks.large_measured").measure(options)


if __name__ == "__main__":
    main()
