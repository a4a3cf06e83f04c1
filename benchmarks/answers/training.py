"""Trains what scores sentences and tells whether they answer, and shows how well it does on articles it has not seen.

    python -m benchmarks.answers.training --squad DIR --squad2 DIR [--write]

The data are SQuAD 1.1's development set and a half of SQuAD 2.0's (CC BY-SA 4.0), folders as benchmarks.answers.squad reads them;
nothing else is learned from. Each question is searched for among all paragraphs as the product searches. A unit is right if it
is of the question's own paragraph and holds an answer. Unanswerable are SQuAD 2.0's impossible questions, and all questions
about one half of the articles where only the other half is indexed.

What it prints is by cross-validation in five parts by article. With --write the numbers learned from all of it go to
apps/retrieval/answers/extractive/weights.json; they and the texts are the same on each run.

    python -m benchmarks.answers.training --squad DIR --squad2 DIR --terms --scifact DIR --cranfield DIR

writes apps/retrieval/answers/extractive/common_terms.txt from the same paragraphs and questions and from abstracts of two sets,
by benchmarks.answers.common. Numbers that were learned with other terms are then to be learned again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.engine.model import django_alone
from benchmarks.place import measured

MEASURING = "benchmarks.answers.training_measured"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.answers.training", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--squad", type=Path, required=True, metavar="DIR", help="SQuAD 1.1's development set")
    parser.add_argument("--squad2", type=Path, required=True, metavar="DIR", help="SQuAD 2.0's, or a part of it")
    parser.add_argument("--write", action="store_true", help="replace the numbers that are shipped")
    parser.add_argument(
        "--terms", action="store_true", help="replace the common terms that are shipped, and do no more"
    )
    parser.add_argument("--scifact", type=Path, metavar="DIR", help="for --terms: SciFact's abstracts")
    parser.add_argument("--cranfield", type=Path, metavar="DIR", help="for --terms: Cranfield's abstracts")
    options = parser.parse_args(argv)
    if options.terms and not (options.scifact and options.cranfield):
        parser.error("--terms needs --scifact DIR and --cranfield DIR")
    django_alone()
    print(json.dumps(measured(MEASURING, "terms" if options.terms else "measure", options)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
