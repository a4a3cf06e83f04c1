"""How good, how honest and how quick answers are.

    python -m benchmarks.answers --squad DIR [--squad2 DIR] [--scifact DIR] [--json] [--parts NAME ...]
                                 [--questions 1000] [--questions2 N] [--streams 200]

A whole system is started in a temporary folder, and each paragraph of the sets becomes a document of a knowledge base by the
real stages. Questions are then asked of the product's own `retrieve` and `draft` in this process, and over HTTP of the one web
process. The folders are SQuAD's sets as benchmarks.answers.squad reads them, and SciFact's claims. Parts whose folder is not
given are left out, unless --parts names them. The last line is one JSON object.

What is shipped to score sentences was trained on the same sets, so figures of it flatter by a little;
`benchmarks.answers.training` has those of articles that were not learned from.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.answers.options import OF_SQUAD, PARTS, UNANSWERABLE, VERDICTS, Options
from benchmarks.engine.model import django_alone
from benchmarks.place import folder, measured, say
from ragsite.stack.local import local_environment
from ragsite.stack.system import system

MEASURING, VERDICTS_MEASURING = "benchmarks.answers.measuring", "benchmarks.answers.verdicts"


def main(argv: Sequence[str]) -> int:
    parser = _parser()
    given = parser.parse_args(argv)
    options = _options(given)
    if why := options.missing():
        parser.error(why)
    if not options.parts:
        parser.error("nothing to measure: give --squad DIR, --squad2 DIR or --scifact DIR")
    found = _measured(options)
    print(json.dumps(found) if given.json else json.dumps(found, indent=2))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--squad", type=Path, metavar="DIR", help="SQuAD 1.1's development set")
    parser.add_argument("--squad2", type=Path, metavar="DIR", help="SQuAD 2.0's, or a part of it")
    parser.add_argument("--scifact", type=Path, metavar="DIR", help="SciFact's labelled claims and abstracts")
    parser.add_argument("--questions", type=int, default=1_000, help="of SQuAD 1.1, the first so many (default 1000)")
    parser.add_argument("--questions2", type=int, default=0, help="of SQuAD 2.0, about so many, evenly (default all)")
    parser.add_argument("--streams", type=int, default=200, help="streams at once (default 200)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="measure only these")
    return parser


def _options(given: argparse.Namespace) -> Options:
    possible = {
        *(OF_SQUAD if given.squad else ()),
        *({UNANSWERABLE} if given.squad2 else ()),
        *({VERDICTS} if given.scifact else ()),
    }
    return Options(
        parts=frozenset(given.parts or possible),
        squad=given.squad,
        squad2=given.squad2,
        scifact=given.scifact,
        questions=given.questions,
        questions2=given.questions2,
        streams=given.streams,
    )


def _measured(options: Options) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if options.needs_system:
        with folder() as place, local_environment(), system(place, os.environ, say=say) as running:
            found |= measured(MEASURING, "measure", running, options)
    else:
        django_alone()
    if VERDICTS in options.parts:
        from benchmarks.answers.verdicts import (
            verdicts_measure,
        )  # It needs no system, and a system's needs are not its own.

        found |= verdicts_measure(options.scifact)  # type: ignore[arg-type]
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
