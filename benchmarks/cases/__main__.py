"""Holds a whole system against small inputs of which users of such systems reported publicly that they come out wrong.

    python -m benchmarks.cases --data DIR [--only NAME ...] [--json]

DIR has a folder for each case: small files, and `expect.json`, a list of checks. A check says its `kind` and the
fields of that kind in `checks`: of the parsed text (`text`, `order`, `row`), of the `title`, of a `search` and an
`ask`, of the `chunks`, and of an `upload` with what follows it. A system is started in a temporary folder, with its
workers and the models it comes with; each case is given a knowledge base of its own and judged by what the API says.
Prints how many checks of each case passed and what is wrong with the others; the last line is one JSON object, in
which `parse_level` counts what a parser alone can be held against. The status is 1 when a check did not pass.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases.checks import NAMES, PARSE_LEVEL, Case, Check, cases_of
from benchmarks.cases.judging import wrong
from benchmarks.cases.library import Library
from benchmarks.cases.shelf import Shelf
from benchmarks.place import folder, say
from ragsite.stack.ports import find_free
from ragsite.stack.system import FLOWER_PORT, WEB_PORT, system

ELSEWHERE = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS")


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a check; `reason` is empty if it passed."""

    case: str
    check: Check
    reason: str

    @property
    def kind(self) -> str:
        return NAMES[type(self.check)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Whether a check did not pass, as the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the cases")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="cases that have one of these in their names"
    )
    parser.add_argument("--json", action="store_true", help="only the last line")
    options = parser.parse_args(arguments)
    cases = cases_of(options.data, options.only)
    if not cases:
        parser.error(f"{options.data} has no such case")
    with folder() as place, system(place, _environment(), say=say) as running:
        judged = list(_judged(Library(running.url, running.manage("apikey", "cases")), cases))
    if not options.json:
        _print_table(judged)
    print(json.dumps(figures(judged), ensure_ascii=False))
    return int(any(one.reason for one in judged))


def figures(judged: Sequence[Judged]) -> dict[str, Any]:
    """How many checks and cases there are, and how many passed: in all, by kind, and of those of a parser alone."""
    kinds = {one.kind: [each for each in judged if each.kind == one.kind] for one in judged}
    return {
        **_counts(judged),
        "by_kind": {kind: {"checks": len(some), "passed": _passed(some)} for kind, some in kinds.items()},
        "parse_level": _counts([one for one in judged if one.kind in PARSE_LEVEL]),
    }


def _environment() -> dict[str, str]:
    """This process's without any server that runs elsewhere, and with ports that are free."""
    given = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    return given | {name: str(find_free()) for name, _ in (WEB_PORT, FLOWER_PORT)}


def _judged(library: Library, cases: Sequence[Case]) -> Iterator[Judged]:
    """All is uploaded before the first is judged, so that the workers are never without work."""
    shelves = [Shelf(library, case) for case in cases]
    for shelf in shelves:
        shelf.fill()
    for shelf in shelves:
        shelf.await_ended()
        yield from (Judged(shelf.case.name, check, wrong(shelf, check)) for check in shelf.case.checks)
        say(f"{shelf.case.name}: judged")


def _counts(judged: Sequence[Judged]) -> dict[str, Any]:
    cases = _by_case(judged)
    return {
        "checks": len(judged),
        "passed": _passed(judged),
        "share": round(_passed(judged) / len(judged), 4) if judged else None,
        "cases": len(cases),
        "cases_whole": sum(_passed(some) == len(some) for some in cases.values()),
    }


def _by_case(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    cases: dict[str, list[Judged]] = {}
    for one in judged:
        cases.setdefault(one.case, []).append(one)
    return cases


def _passed(judged: Iterable[Judged]) -> int:
    return sum(not one.reason for one in judged)


def _print_table(judged: Sequence[Judged]) -> None:
    print(f"{'case':<30}{'passed':>8}{'of':>5}")
    for case, some in _by_case(judged).items():
        print(f"{case:<30}{_passed(some):>8}{len(some):>5}")
    for one in judged:
        if one.reason:
            print(f"{one.case}: {one.kind}: {one.reason}")


if __name__ == "__main__":
    sys.exit(main())
