"""The terms that are common in English, by texts and by what is asked."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from apps.retrieval.answers.extractive.commonness import BACKGROUND
from apps.retrieval.index.lexical.analysis import terms_of_question, terms_of_text
from benchmarks.answers.squad import Squad

LEAST_OF_TEXTS, LEAST_OF_QUESTIONS = 0.006, 0.003
ABSTRACTS = {"scifact": 700, "cranfield": 300}
HEAD = f"# Of {BACKGROUND:,} chunks of English, how many have each term.\n"


def background_texts(squad: Squad, *, scifact: Path, cranfield: Path) -> list[str]:
    """All paragraphs, and the first abstracts of both other sets."""
    texts = [one.text for one in squad.paragraphs]
    for name, folder in (("scifact", scifact), ("cranfield", cranfield)):
        texts += islice(_corpus(folder), ABSTRACTS[name])
    return texts


def terms_counted(texts: Sequence[str], questions: Sequence[str]) -> dict[str, int]:
    """Of BACKGROUND chunks, how many have each common term: letters alone, in LEAST_OF_TEXTS of the texts. What is in
    LEAST_OF_QUESTIONS of the questions is taken to be in as large a share of the chunks: texts about few things ask little.
    """
    of_texts = _shares((terms_of_text(one, language="english") for one in texts), len(texts))
    of_questions = _shares((terms_of_question(one) for one in questions), len(questions))
    told: dict[str, float] = {}
    for shares, least in ((of_texts, LEAST_OF_TEXTS), (of_questions, LEAST_OF_QUESTIONS)):
        for term, share in shares.items():
            if share >= least and term.isascii() and term.isalpha():
                told[term] = max(share, told.get(term, 0.0))
    return {term: round(told[term] * BACKGROUND) for term in sorted(told)}


def terms_written(counted: Mapping[str, int]) -> str:
    """As apps.retrieval.answers.extractive.commonness reads it."""
    return HEAD + "".join(f"{term} {number}\n" for term, number in counted.items())


def _shares(each: Iterable[list[str]], number: int) -> dict[str, float]:
    having = Counter(term for terms in each for term in set(terms))
    return {term: times / number for term, times in having.items()}


def _corpus(folder: Path) -> Iterator[str]:
    packed, plain = folder / "corpus.jsonl.gz", folder / "corpus.jsonl"
    with gzip.open(packed, "rt", encoding="utf-8") if packed.exists() else open(plain, encoding="utf-8") as file:
        yield from (text for line in file if (text := json.loads(line)["text"]))
