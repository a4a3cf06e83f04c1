"""From passages that may answer to the pieces of a draft, and from the pieces to what counts of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace

from apps.models.gateway import Deadline
from apps.retrieval.answers.links import links_safe
from apps.retrieval.answers.types import (
    Draft,
    DraftEnd,
    Generator,
    Material,
    Piece,
    Pieces,
    Provenance,
    Statement,
    Withdrawal,
    WrittenPieces,
)
from apps.retrieval.search.degradation import Degradation, DegradedStep
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.timing import Timings
from ragsite.core.errors import PermanentError, RagError

CHARACTERS = 12_000
MIN_SIMILARITY = 0.10


class NothingBorneOutError(PermanentError):
    """A generator said something, and none of it belongs to the answer; seen in `degraded`."""

    code = "nothing_borne_out"


def context_build(
    passages: Sequence[Passage], *, most: int = CHARACTERS, size: Callable[[str], int] = len
) -> tuple[Passage, ...]:
    """The best passages whose texts have no more than this together, best first, leaving out what has nothing to do with the
    question.
    """
    return passages_fitting(filter(_may_answer, passages), most=most, size=lambda one: size(one.text))


def passages_fitting(passages: Iterable[Passage], *, most: int, size: Callable[[Passage], int]) -> tuple[Passage, ...]:
    """The first ones that are no more than this together; one that is too long does not hide those after it."""
    chosen: list[Passage] = []
    left = most
    for passage in passages:
        if (takes := size(passage)) <= left:
            chosen.append(passage)
            left -= takes
    return tuple(chosen)


def _may_answer(passage: Passage) -> bool:
    """Whether it is near to the question, or has words of it: a part number has no meaning to be near to."""
    scores = passage.scores
    return scores.dense is None or scores.dense >= MIN_SIMILARITY or scores.lexical_rank is not None


def pieces_write(
    material: Material, generators: Sequence[Generator], *, deadline: Deadline, timings: Timings
) -> Pieces:
    """What the first generator that can answer gives, as it gives it; the last piece is always the end.

    A generator that gives up has its pieces withdrawn, and the next one answers. So does one that said something of which
    nothing belongs to the answer; one that said nothing found nothing.

    Raises:
        RagError: the last generator could not answer either.
    """
    degraded: list[Degradation] = []
    for following, generator in enumerate(generators, start=1):
        provenance, said = Provenance(), []
        try:
            if material.passages:
                for piece in _timed(generator.generate(material, deadline=deadline), timings):
                    if isinstance(piece, Provenance):
                        provenance = piece
                        continue
                    if isinstance(piece, Statement):
                        said.append(piece.is_shown)
                    yield piece
            if said and not any(said) and generator is not generators[-1]:
                raise NothingBorneOutError("The passages bear out nothing of what it said.")
        except RagError as error:
            if generator is generators[-1]:
                raise
            degraded.append(Degradation(DegradedStep.GENERATE, error, instead=generators[following].instead))
            yield Withdrawal(generator.name, error)
        else:
            yield DraftEnd(
                generator.name, len(material.passages), tuple(degraded), dict(timings.tell()), provenance, timings.marks
            )
            return


def pieces_collect(pieces: Iterable[Piece]) -> Draft:
    """What counts of the pieces; they are taken to their end.

    Raises:
        ValueError: they have no end: their generator was stopped, and half an answer is not an answer.
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
            with timings.piece("generate"):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece if isinstance(piece, Provenance) else replace(piece, text=links_safe(piece.text))
