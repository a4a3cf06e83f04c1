"""The documents that are ingested: generated for each run from the project's own prose, always the same for one seed."""

from __future__ import annotations

import csv
import io
import itertools
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from docx import Document as WordDocument
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

PROJECT_DIR = Path(__file__).resolve().parents[2]
SENTENCE = re.compile(r"(?<![^\s])[A-Z][a-z][^.\n|`<>*\[\]]{30,160}\.(?=\s)")
FONT, SIZE, MARGIN = "Helvetica", 10, 56


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the paragraphs under it."""

    heading: str
    paragraphs: list[str]


@dataclass(frozen=True, slots=True)
class File:
    """A document as it is uploaded."""

    name: str
    content: bytes


def corpus(number: int, *, seed: int = 11) -> list[File]:
    """`number` documents of seven formats; their lengths are log-normal, a few hundred to some thousand words."""
    dice = random.Random(seed)
    sentences = _sentences()
    formats = dice.choices(list(FORMATS), weights=[share for share, _ in FORMATS.values()], k=number)
    return [
        File(f"document-{index:05}.{suffix}", FORMATS[suffix][1](_sections(dice, sentences)))
        for index, suffix in enumerate(formats)
    ]


def long_text(pages: int, *, seed: int = 12) -> list[str]:
    """The paragraphs of a text of that many pages, some 500 words each."""
    dice, sentences = random.Random(seed), _sentences()
    return [_paragraph(dice, sentences) for _ in range(pages * 6)]


def _sentences() -> list[str]:
    prose = [*sorted((PROJECT_DIR / "docs").rglob("*.md")), *sorted((PROJECT_DIR / "samples").glob("*.md"))]
    found = {" ".join(match.split()) for path in prose for match in SENTENCE.findall(path.read_text())}
    return sorted(found)


def _sections(dice: random.Random, sentences: list[str]) -> list[Section]:
    paragraphs = [_paragraph(dice, sentences) for _ in range(max(2, min(60, round(dice.lognormvariate(2.0, 0.7)))))]
    cuts = [0, *sorted(dice.sample(range(1, len(paragraphs)), k=min(3, len(paragraphs) - 1))), len(paragraphs)]
    return [
        Section(f"Part {number}: {dice.choice(sentences)[:40].rstrip()}", paragraphs[start:end])
        for number, (start, end) in enumerate(itertools.pairwise(cuts), start=1)
    ]


def _paragraph(dice: random.Random, sentences: list[str]) -> str:
    return " ".join(dice.choices(sentences, k=dice.randint(3, 7)))


def _markdown(sections: list[Section]) -> bytes:
    parts = [f"## {section.heading}\n\n" + "\n\n".join(section.paragraphs) for section in sections]
    return "\n\n".join(parts).encode()


def _plain(sections: list[Section]) -> bytes:
    return "\n\n".join(paragraph for section in sections for paragraph in section.paragraphs).encode()


def _html(sections: list[Section]) -> bytes:
    body = "".join(
        f"<h2>{escape(section.heading)}</h2>" + "".join(f"<p>{escape(text)}</p>" for text in section.paragraphs)
        for section in sections
    )
    return f"<!doctype html><html><head><title>Page</title></head><body>{body}</body></html>".encode()


def _word(sections: list[Section]) -> bytes:
    document = WordDocument()
    for section in sections:
        document.add_heading(section.heading, level=2)
        for paragraph in section.paragraphs:
            document.add_paragraph(paragraph)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def _pdf(sections: list[Section]) -> bytes:
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=A4, invariant=True)
    lines = [line for section in sections for text in (section.heading, *section.paragraphs) for line in _lines(text)]
    per_page = int((A4[1] - 2 * MARGIN) / (SIZE * 1.4))
    for start in range(0, len(lines), per_page):
        canvas.setFont(FONT, SIZE)
        for row, line in enumerate(lines[start : start + per_page]):
            canvas.drawString(MARGIN, A4[1] - MARGIN - row * SIZE * 1.4, line)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def _lines(text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if stringWidth(longer, FONT, SIZE) <= A4[0] - 2 * MARGIN:
            lines[-1] = longer
        else:
            lines.append(word)
    return [*lines, ""]


def _csv(sections: list[Section]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["part", "number", "note"])
    for section in sections:
        for number, paragraph in enumerate(section.paragraphs, start=1):
            writer.writerow([section.heading, number, paragraph])
    return stream.getvalue().encode()


def _json(sections: list[Section]) -> bytes:
    return json.dumps([{"heading": one.heading, "paragraphs": one.paragraphs} for one in sections]).encode()


FORMATS: dict[str, tuple[int, Callable[[list[Section]], bytes]]] = {
    "md": (25, _markdown),
    "txt": (20, _plain),
    "html": (18, _html),
    "pdf": (12, _pdf),
    "docx": (10, _word),
    "csv": (8, _csv),
    "json": (7, _json),
}
"""The share of each format in a hundred documents, and how one is written."""
