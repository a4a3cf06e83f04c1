"""The generator that asks a model where the passages answer, and quotes what holds the answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from apps.models.gateway import SHARE, Deadline, Purpose, read
from apps.models.installed_model import InstalledModel
from apps.models.reading import Reading
from apps.models.selectors import model_behind
from apps.retrieval.answers.extractive.asked import languages_of
from apps.retrieval.answers.extractive.choosing import units_chosen
from apps.retrieval.answers.extractive.finding import question_asked
from apps.retrieval.answers.extractive.generator import quoted_pieces
from apps.retrieval.answers.extractive.units import Unit, units_of
from apps.retrieval.answers.time_shares import deadline_shared
from apps.retrieval.answers.types import Material, WrittenPieces
from apps.retrieval.search.degradation import SIMPLER
from apps.retrieval.search.passages import Passage

MOST_READ = 5
"""Passages, the best ones."""

LEAST_MARGIN = 0.0
"""How much more must speak for a span than for no answer. Models are trained so that 0 parts the two."""


class ReaderGenerator:
    """Answers with the sentence or row that holds the best span of the best passages, and up to two of other passages that say
    something else; with none where the model says of every passage that it holds no answer.
    """

    name = "reader"
    instead = SIMPLER

    def __init__(self, model: InstalledModel, *, share: float = 1.0) -> None:
        self._model, self._share = model, share

    def generate(self, material: Material, *, deadline: Deadline) -> WrittenPieces:
        """See Generator."""
        passages = material.passages[:MOST_READ]
        readings = read(
            material.question,
            [passage.text for passage in passages],
            model=self._model,
            purpose=Purpose.ANSWER,
            deadline=deadline_shared(deadline, self._share),
        )
        answering = list(_answering(zip(passages, readings, strict=True), units_of(passages, material.heads)))
        languages = languages_of(passages)
        yield from quoted_pieces(_chosen(answering), question_asked(material, languages), languages)


def readers(model: InstalledModel | None) -> tuple[ReaderGenerator, ...]:
    """The reader, and the smaller one behind it, if it has one; none without a reader."""
    if model is None:
        return ()
    if (smaller := model_behind(model)) is None:
        return (ReaderGenerator(model),)
    return ReaderGenerator(model, share=SHARE), ReaderGenerator(smaller)


def _answering(read_passages: Iterable[tuple[Passage, Reading]], units: Sequence[Unit]) -> Iterator[tuple[Unit, float]]:
    """The unit that holds each passage's answer, with how sure the model is of it: 0 to 1."""
    for passage, reading in read_passages:
        if reading.answers(LEAST_MARGIN) and (unit := _holding(passage, reading, units)) is not None:
            yield unit, 1 / (1 + math.exp(-reading.margin))


def _chosen(answering: Sequence[tuple[Unit, float]]) -> list[tuple[Unit, float]]:
    return units_chosen([unit for unit, _ in answering], np.array([score for _, score in answering]))


def _holding(passage: Passage, reading: Reading, units: Sequence[Unit]) -> Unit | None:
    """The unit with most of the span, the first of equal ones; it may be an overlapping passage's. None where only what can't be
    quoted has some, such as a heading.
    """
    start, end = passage.start + reading.start, passage.start + reading.end

    def shared(unit: Unit) -> int:
        if unit.passage.version_id != passage.version_id:
            return 0
        return min(end, unit.passage.start + unit.end) - max(start, unit.passage.start + unit.start)

    best = max(units, key=shared, default=None)
    return best if best is not None and shared(best) > 0 else None
