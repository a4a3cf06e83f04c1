"""Long reports: whether the page that holds the answer is among the first passages, by each idea alone and together.

    python -m benchmarks.reports FOLDER [--json]

FOLDER has `pdfs/NAME.pdf` and `questions.jsonl`, each line of which has a `text`, a `doc_name` and its `evidence`: pages as
`doc_name` and `page_zero_indexed`. A whole system is started in a temporary folder and given the reports twice: in one knowledge
base chunks are embedded with their document's name and headings, in the other without. Each is searched (hybrid, 10 passages)
with and without names that weigh, passages of one page that give way and a little more weight of meaning, over all reports and
within the right one. Printed is the share of questions whose report, or whose page, is among the first; and, with the ways taking
turns, the median of the milliseconds that a client waits for a search over all reports. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from ragsite_client import Client, Passage

from benchmarks.place import folder, say
from ragsite.stack.local import local_environment
from ragsite.stack.system import system

FIRST = {"document@1": 1, "document@5": 5, "page@1": 1, "page@5": 5, "page@10": 10}
PLAIN = {"names": 0.0, "same_page": 1.0, "weight": 0.5}
WAYS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "neither": ("none", PLAIN),
    "context": ("headings", PLAIN),
    "names": ("none", PLAIN | {"names": 0.1}),
    "pages": ("none", PLAIN | {"same_page": 0.8}),
    "weight": ("none", PLAIN | {"weight": 0.55}),
    "all but weight": ("headings", {"weight": 0.5}),
    "all": ("headings", {}),
}
"""Of each way the context of the knowledge base, and how it is searched; what is left out is as usual."""

READY_SECONDS = 1_800.0
ROUNDS = 4
"""Of each way and question, whose first is for the caches."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the name of its report, and the pages of reports, from 1, that hold its answer."""

    text: str
    report: str
    pages: frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Held:
    """A knowledge base, and the document of each report by its name."""

    id: str
    documents: Mapping[str, str]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports", description="Pages of long reports.")
    parser.add_argument("folder", type=Path, help="with pdfs/ and questions.jsonl")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    options = parser.parse_args(argv)
    asked = asked_of(options.folder / "questions.jsonl")
    with folder() as place, local_environment(), system(place, os.environ, say=say) as running:
        client = Client(running.url, running.manage("apikey", "benchmark").strip())
        names = sorted({one.report for one in asked})
        held = {context: _held(client, options.folder, names, context) for context in ("none", "headings")}
        found = {way: _measured(client, held[context], asked, how) for way, (context, how) in WAYS.items()}
        for way, milliseconds in _timed(client, held, asked).items():
            found[way]["p50_ms"] = milliseconds
    print(json.dumps(found) if options.json else table(found) + "\n" + json.dumps(found))
    return 0


def asked_of(path: Path) -> list[Asked]:
    """The questions of a file of JSON lines."""
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return [
        Asked(
            row["text"],
            row["doc_name"],
            frozenset((one["doc_name"], one["page_zero_indexed"] + 1) for one in row["evidence"]),
        )
        for row in rows
    ]


def _held(client: Client, folder: Path, names: Sequence[str], context: str) -> Held:
    base = client.create_knowledge_base(f"Reports, {context}", chunking={"context": context})
    begun = time.perf_counter()
    files = [(f"{name}.pdf", (folder / "pdfs" / f"{name}.pdf").read_bytes()) for name in names]
    sent = [result for file in files for result in client.upload_many(base.id, [file])]
    versions = [one.version.id for one in sent if one.version]
    client.wait_until_ready(*versions, seconds=READY_SECONDS)
    say(f"{len(versions)} reports, context {context}, in {time.perf_counter() - begun:.0f} s")
    return Held(base.id, {name: str(one.document) for name, one in zip(names, sent, strict=True)})


def _measured(client: Client, held: Held, asked: Sequence[Asked], how: Mapping[str, float]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for where in ("all", "within"):
        hits = dict.fromkeys(FIRST, 0)
        for one in asked:
            filters = {"documents": [held.documents[one.report]]} if where == "within" else {}
            options: Any = {"top_k": 10, "mode": "hybrid", "filters": filters, **how}
            passages = client.search(one.text, knowledge_bases=[held.id], **options).passages
            for name in hits_of(one, passages):
                hits[name] += 1
        found[where] = {name: round(number / len(asked), 3) for name, number in hits.items()}
    return found


def _timed(client: Client, held: Mapping[str, Held], asked: Sequence[Asked]) -> dict[str, float]:
    """Of each way the median of milliseconds that a search takes, answer included."""
    took: dict[str, list[float]] = {way: [] for way in WAYS}
    for number, one in product(range(ROUNDS), asked):
        for way, (context, how) in WAYS.items():
            begun = time.perf_counter()
            client.search(one.text, knowledge_bases=[held[context].id], top_k=10, mode="hybrid", **how)
            if number:
                took[way].append(1000 * (time.perf_counter() - begun))
    return {way: round(median(times), 1) for way, times in took.items()}


def hits_of(asked: Asked, passages: Sequence[Passage]) -> list[str]:
    """Which of FIRST the passages meet."""
    reports = [one.title.removesuffix(".pdf") for one in passages]
    pages = [{(report, page) for page in _pages(one)} for report, one in zip(reports, passages, strict=True)]
    right = {"document": [one == asked.report for one in reports], "page": [bool(one & asked.pages) for one in pages]}
    return [name for name, first in FIRST.items() if any(right[name.partition("@")[0]][:first])]


def _pages(passage: Passage) -> range:
    place = passage.place
    if place is None or place.number is None:
        return range(0)
    return range(place.number, (place.last or place.number) + 1)


def table(found: Mapping[str, Any]) -> str:
    """A row for each way."""
    head = ["way", *(f"{where} {name}" for where in ("all", "within") for name in FIRST), "p50 ms"]
    rows = [
        [way, *(str(shares[where][name]) for where in ("all", "within") for name in FIRST), str(shares["p50_ms"])]
        for way, shares in found.items()
    ]
    return "\n".join(" | ".join(row) for row in [head, *rows])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
