"""SciFact's labelled claims with the abstracts that they were labelled against, as the checker of verdicts sees them.

A folder has `claims_labels.jsonl` (claim, `cited_doc_ids`, `evidence` with `doc_id` and `label`) and `corpus.jsonl` or
`corpus.jsonl.gz` (`_id`, `title`, `text`). An abstract that a claim cites and that has no evidence says neither.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.documents.sentences.statements import statement_spans
from apps.retrieval.answers.checking.features import features
from apps.retrieval.answers.checking.learned import CLASSES
from apps.retrieval.answers.checking.reading import words_of

LABELS = {"SUPPORT": "supported", "CONTRADICT": "contradicted"}


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """A claim, the title and sentences of an abstract, and which of CLASSES holds."""

    claim_id: str
    document_id: str
    claim: str
    sentences: tuple[str, ...]
    label: str


def pairs_read(folder: Path) -> list[LabelledPair]:
    """All pairs, in the order of the file."""
    corpus = {one["_id"]: one for one in _lines(folder, "corpus.jsonl")}
    return [
        LabelledPair(claim["_id"], document, claim["claim"], _sentences(corpus[document]), _label(claim, document))
        for claim in _lines(folder, "claims_labels.jsonl")
        for document in map(str, claim["cited_doc_ids"])
        if document in corpus
    ]


def examples_of(pairs: Sequence[LabelledPair]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names of features, their values of shape (pairs, features), and the number of each pair's class."""
    rows = [
        features(words_of(pair.claim, "english"), [words_of(one, "english") for one in pair.sentences])
        for pair in pairs
    ]
    values = np.array([list(row.values()) for row in rows])
    return list(rows[0]), values, np.array([CLASSES.index(pair.label) for pair in pairs])


def groups_of(pairs: Sequence[LabelledPair]) -> list[str]:
    """A name for each pair, shared by all that a claim or an abstract connects: a fold takes them together."""
    joined: dict[str, str] = {}

    def root(name: str) -> str:
        while joined.setdefault(name, name) != name:
            name = joined[name]
        return name

    for pair in pairs:
        joined[root(f"claim {pair.claim_id}")] = root(f"document {pair.document_id}")
    return [root(f"claim {pair.claim_id}") for pair in pairs]


def _label(claim: dict[str, Any], document: str) -> str:
    labels = [one["label"] for one in claim["evidence"] if str(one["doc_id"]) == document]
    return LABELS[labels[0]] if labels else "neither"


def _sentences(document: dict[str, Any]) -> tuple[str, ...]:
    text = document["text"]
    return (document["title"], *(text[start:end] for start, end in statement_spans(text)))


def _lines(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    packed = folder / f"{name}.gz"
    with (
        gzip.open(packed, "rt", encoding="utf-8") if packed.exists() else open(folder / name, encoding="utf-8") as file
    ):
        yield from map(json.loads, file)
