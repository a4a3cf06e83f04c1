"""The generator that writes with a language model. Whatever it writes counts only as far as quotations bear it out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from apps.models.gateway import SHARE, Deadline, Purpose, generate
from apps.models.generation import GenerationEnd, GenerationOptions, Message
from apps.models.installed_model import InstalledModel
from apps.models.selectors import model_behind
from apps.retrieval.answers.claims import ClaimReader
from apps.retrieval.answers.drafting import passages_fitting
from apps.retrieval.answers.options import AS_USUAL, AnswerOptions
from apps.retrieval.answers.prompting import NOT_FOUND, answer_prompt, messages_of
from apps.retrieval.answers.time_shares import deadline_shared
from apps.retrieval.answers.token_room import document_room
from apps.retrieval.answers.told import ToldPassage, passages_told, tokens_told
from apps.retrieval.answers.types import Material, Provenance, Statement, WrittenPiece, WrittenPieces
from apps.retrieval.search.degradation import SIMPLER
from apps.retrieval.search.passages import Passage
from ragsite.core.errors import ModelNotFoundError, PermanentError

MAX_TOKENS = 256
REGISTER = "Register one: `manage.py models register PATH`, or set RAGSITE_GENERATOR=extractive."


class LanguageModelGenerator:
    """Writes a few sentences, each with the passages it is from, and looks for what bears each of them out. It takes no more than
    its `share` of the time.
    """

    name = "language_model"
    instead = SIMPLER

    def __init__(self, model: InstalledModel | None, *, options: AnswerOptions = AS_USUAL, share: float = 1.0) -> None:
        self._model, self._options, self._share = model, options, share

    def generate(self, material: Material, *, deadline: Deadline) -> WrittenPieces:
        """See Generator."""
        if not material.passages:
            return
        if self._model is None:
            raise ModelNotFoundError("No language model is registered.", action=REGISTER)
        until, refused = deadline_shared(deadline, self._share), None
        for told in tellings(material, model=self._model, options=self._options):
            try:
                yield from _written(material.question, told, model=self._model, options=self._options, deadline=until)
                return
            except PermanentError as error:
                # Refused before anything was written; with less to read there may be room.
                if error.error_code != "context_too_long":
                    raise
                refused = error
        if refused:
            raise refused


def tellings(
    material: Material, *, model: InstalledModel, options: AnswerOptions = AS_USUAL
) -> Iterator[tuple[ToldPassage, ...]]:
    """What to tell the model of the passages; then, as long as it has no room for that, less: the passages without what is around
    them, half of these, and so on. The estimate decides how much is told, the model's own count whether that can be read.
    """
    passages, room = _passages_read(material, model=model, options=options)
    told = passages_told(passages, heads=material.column_names, around=material.around, room=room)
    yield told
    while passages:
        less = passages_told(passages, heads=material.column_names)
        if less != told:
            yield less
        passages, told = passages[: len(passages) // 2], less


def messages_for(
    question: str, told: Sequence[ToldPassage], *, options: AnswerOptions = AS_USUAL
) -> tuple[Message, ...]:
    """What the model is told of a question and passages."""
    heads = {one.passage.chunk_id: one.head for one in told}
    passages = [one.passage for one in told]
    return messages_of(question, passages, prompt=answer_prompt(), language=options.language, heads=heads)


def _passages_read(
    material: Material, *, model: InstalledModel, options: AnswerOptions
) -> tuple[tuple[Passage, ...], int]:
    """The passages that fit, and how many tokens are left for what is around them. Where nobody says how much the model reads,
    those of the other generators, with nothing around; the best one, where none fits by the estimate.
    """
    besides = messages_for(material.question, (), options=options)
    room = document_room(model, besides=besides, writes=options.max_tokens or MAX_TOKENS)
    if room is None:
        return material.passages, 0
    readable, heads = material.readable or material.passages, material.column_names

    def size(passage: Passage) -> int:
        return tokens_told(passage, head=heads.get(passage.chunk_id, ()))

    fitting = passages_fitting(readable, most=room, size=size)
    return (fitting, room - sum(map(size, fitting))) if fitting else (readable[:1], 0)


def writers(model: InstalledModel | None, options: AnswerOptions = AS_USUAL) -> tuple[LanguageModelGenerator, ...]:
    """The language model, and the smaller one behind it, if it has one."""
    smaller = model_behind(model) if model else None
    if smaller is None:
        return (LanguageModelGenerator(model, options=options),)
    first = LanguageModelGenerator(model, options=options, share=SHARE)
    return first, LanguageModelGenerator(smaller, options=options)


def _written(
    question: str,
    told: Sequence[ToldPassage],
    *,
    model: InstalledModel,
    options: AnswerOptions,
    deadline: Deadline,
) -> WrittenPieces:
    reader = _ToldReader(told)
    told_by = answer_prompt()
    said, given, end = "", 0, None
    writing = generate(
        messages_for(question, told, options=options),
        model=model,
        purpose=Purpose.ANSWER,
        deadline=deadline,
        options=GenerationOptions(max_tokens=options.max_tokens or MAX_TOKENS, temperature=options.temperature or 0.0),
    )
    with closing(writing) as pieces:  # type: ignore[type-var]
        for piece in pieces:
            if isinstance(piece, GenerationEnd):
                end = piece
                continue
            said += piece.text
            if not _may_decline(said):
                yield from reader.add(said[given:])
                given = len(said)
    if not _declines(said):
        yield from reader.add(said[given:])
        yield from reader.finish()
    yield Provenance(
        model=f"{model.name}@{model.version_id}",
        prompt=told_by.version,
        prompt_tokens=end.prompt_tokens if end else 0,
        completion_tokens=end.completion_tokens if end else 0,
    )


class _ToldReader:
    """A ClaimReader of what was told, whose quotations are of the passages that were found."""

    def __init__(self, told: Sequence[ToldPassage]) -> None:
        self._told = {one.passage.chunk_id: one for one in told}
        self._reader = ClaimReader([one.passage for one in told])

    def add(self, text: str) -> Iterator[WrittenPiece]:
        """See ClaimReader."""
        return map(self._sourced, self._reader.add(text))

    def finish(self) -> Iterator[WrittenPiece]:
        """See ClaimReader."""
        return map(self._sourced, self._reader.finish())

    def _sourced(self, piece: WrittenPiece) -> WrittenPiece:
        if not isinstance(piece, Statement):
            return piece
        return replace(
            piece, quotations=tuple(self._told[one.passage.chunk_id].sourced(one) for one in piece.quotations)
        )


def _may_decline(said: str) -> bool:
    """Whether a text that begins so says, or may come to say, that the passages do not hold the answer."""
    beginning = said.strip().upper()[: len(NOT_FOUND)]
    return NOT_FOUND.startswith(beginning)


def _declines(said: str) -> bool:
    return said.strip().upper().startswith(NOT_FOUND)
