"""From generators to the pieces of a draft, and from the pieces to what counts of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

from apps.models.gateway import Deadline
from apps.retrieval.answers.types import (
    Draft,
    DraftEnd,
    Generator,
    Material,
    Piece,
    Pieces,
    Statement,
    Withdrawal,
    WrittenPieces,
)
from apps.retrieval.search.degradation import SIMPLER, Degradation, DegradedStep
from apps.retrieval.search.timing import Timings
from ragsite.core.errors import RagError


def pieces_write(
    material: Material, generators: Sequence[Generator], *, deadline: Deadline, timings: Timings
) -> Pieces:
    """What the first generator that can answer gives, as it gives it; the last piece is always the end.

    A generator that gives up has its pieces withdrawn, and the next one answers.

    Raises:
        RagError: the last generator could not answer either.
    """
    degraded: list[Degradation] = []
    for generator in generators:
        try:
            if material.passages:
                yield from _timed(generator.generate(material, deadline=deadline), timings)
        except RagError as error:
            if generator is generators[-1]:
                raise
            degraded.append(Degradation(DegradedStep.GENERATE, error, instead=SIMPLER))
            yield Withdrawal(generator.name, error)
        else:
            yield DraftEnd(generator.name, len(material.passages), tuple(degraded), dict(timings.milliseconds))
            return


def pieces_collect(pieces: Iterable[Piece]) -> Draft:
    """What counts of the pieces; they are taken to their end.

    Raises:
        ValueError: they have no end: whoever wrote them was stopped, and half an answer is none.
    """
    statements: list[Statement] = []
    end: DraftEnd | None = None
    for piece in pieces:
        match piece:
            case Statement():
                statements.append(piece)
            case Withdrawal():
                statements.clear()
            case DraftEnd():
                end = piece
    if end is None:
        raise ValueError("The pieces of a draft have no end.")
    return Draft(tuple(statements), end)


def _timed(pieces: WrittenPieces, timings: Timings) -> WrittenPieces:
    """The pieces; only the time that it takes to make them counts, not what is done with them in between."""
    with closing(pieces):
        while True:
            with timings.step("generate"):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece
