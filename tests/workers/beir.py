"""A tiny data set in the form of BEIR."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

CORPUS = {
    "harbour": ("Harbour office", "It opens at seven and closes at six on working days."),
    "berths": ("Berths", "Guests pay thirty euros a night for a berth, electricity included."),
    "tides": ("Tides", "High water is at noon on the day of the new moon. Low water follows about six hours later."),
    "empty": ("", ""),
}
QUERIES = {
    "1": "When does the harbour office open on working days?",
    "2": "How many euros a night do guests pay for a berth?",
    "3": "Is high water at noon on the day of the new moon?",
    "4": "What has nobody judged?",
    "5": "What is judged not to be relevant?",
}
QRELS = ("1 harbour 2", "2 berths 1", "2 tides 0", "3 tides 1", "5 tides 0")


def beir_write(folder: Path) -> Path:
    """Write the data set, its corpus gzipped; its folder."""
    folder.mkdir(parents=True)
    with gzip.open(folder / "corpus.jsonl.gz", "wt", encoding="utf-8") as corpus:
        for name, (title, text) in CORPUS.items():
            corpus.write(json.dumps({"_id": name, "title": title, "text": text}) + "\n")
    asked = [json.dumps({"_id": name, "text": text}) for name, text in QUERIES.items()]
    (folder / "queries.jsonl").write_text("\n".join(asked) + "\n")
    judged = ["query-id corpus-id score", *QRELS]
    (folder / "qrels.tsv").write_text("".join(row.replace(" ", "\t") + "\n" for row in judged))
    return folder
