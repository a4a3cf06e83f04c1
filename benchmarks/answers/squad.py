"""Questions about paragraphs, in SQuAD's form: a folder with one `*.json.gz` of articles, paragraphs and questions."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paragraph:
    article: str
    text: str


@dataclass(frozen=True, slots=True)
class AskedOf:
    """A question, the paragraph it was asked of, by its place, and its answers; none where the paragraph holds none."""

    key: str
    text: str
    paragraph: int
    answers: frozenset[str]

    def is_answered_by(self, text: str) -> bool:
        """Whether a text holds one of the answers, whatever its case."""
        said = text.casefold()
        return any(answer.casefold() in said for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Squad:
    paragraphs: tuple[Paragraph, ...]
    questions: tuple[AskedOf, ...]

    def article_of(self, question: AskedOf) -> str:
        return self.paragraphs[question.paragraph].article


def squad_read(folders: Iterable[Path]) -> Squad:
    """The sets of several folders as one; a paragraph that is in two is one.

    Raises:
        FileNotFoundError: a folder has no `*.json.gz`.
    """
    places: dict[str, int] = {}
    paragraphs: list[Paragraph] = []
    questions: list[AskedOf] = []
    for folder in folders:
        for article in _articles(folder):
            title = article["title"].replace("_", " ")
            for paragraph in article["paragraphs"]:
                text = paragraph["context"]
                if text not in places:
                    places[text] = len(paragraphs)
                    paragraphs.append(Paragraph(title, text))
                questions += [
                    AskedOf(one["id"], one["question"], places[text], frozenset(a["text"] for a in one["answers"]))
                    for one in paragraph["qas"]
                ]
    return Squad(tuple(paragraphs), tuple(questions))


def halves(articles: Iterable[str]) -> frozenset[str]:
    """Every second article, in the order of their names."""
    return frozenset(sorted(set(articles))[::2])


def _articles(folder: Path) -> list[dict[str, list[dict[str, object]]]]:  # type: ignore[type-arg]
    files = sorted(folder.glob("*.json.gz"))
    if not files:
        raise FileNotFoundError(f"{folder} has no *.json.gz.")
    data: list = json.loads(gzip.decompress(files[0].read_bytes()))["data"]
    return data
