"""The generator that writes with a language model. Whatever it writes counts only as far as quotations bear it out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from apps.models.gateway import SHARE, Deadline, Purpose, generate
from apps.models.generation import GenerationEnd, GenerationOptions
from apps.models.installed_model import InstalledModel
from apps.models.selectors import model_behind
from apps.retrieval.answers.claims import ClaimReader
from apps.retrieval.answers.options import AS_USUAL, AnswerOptions
from apps.retrieval.answers.prompting import NOT_FOUND, answer_prompt, messages_of
from apps.retrieval.answers.time_shares import deadline_shared
from apps.retrieval.answers.types import Material, Provenance, WrittenPieces
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
        until = deadline_shared(deadline, self._share)
        passages: Sequence[Passage] = material.passages
        while True:
            try:
                yield from _written(
                    material.question, passages, model=self._model, options=self._options, deadline=until
                )
                return
            except PermanentError as error:
                # Refused before anything was written; with half of the passages there may be room.
                if error.error_code != "context_too_long" or len(passages) == 1:
                    raise
                passages = passages[: len(passages) // 2]


def writers(model: InstalledModel | None, options: AnswerOptions = AS_USUAL) -> tuple[LanguageModelGenerator, ...]:
    """The language model, and the smaller one behind it, if it has one."""
    smaller = model_behind(model) if model else None
    if smaller is None:
        return (LanguageModelGenerator(model, options=options),)
    first = LanguageModelGenerator(model, options=options, share=SHARE)
    return first, LanguageModelGenerator(smaller, options=options)


def _written(
    question: str,
    passages: Sequence[Passage],
    *,
    model: InstalledModel,
    options: AnswerOptions,
    deadline: Deadline,
) -> WrittenPieces:
    reader = ClaimReader(passages)
    told_by = answer_prompt()
    said, given, end = "", 0, None
    told = generate(
        messages_of(question, passages, prompt=told_by, language=options.language),
        model=model,
        purpose=Purpose.ANSWER,
        deadline=deadline,
        options=GenerationOptions(max_tokens=options.max_tokens or MAX_TOKENS, temperature=options.temperature or 0.0),
    )
    with closing(told) as pieces:  # type: ignore[type-var]
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


def _may_decline(said: str) -> bool:
    """Whether a text that begins so says, or may come to say, that the passages do not hold the answer."""
    beginning = said.strip().upper()[: len(NOT_FOUND)]
    return NOT_FOUND.startswith(beginning)


def _declines(said: str) -> bool:
    return said.strip().upper().startswith(NOT_FOUND)
