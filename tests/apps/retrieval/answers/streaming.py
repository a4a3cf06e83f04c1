"""A generator that writes word by word, as one with a language model does; it says what it is given to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.models.gateway import Deadline
from apps.retrieval.answers.types import Judgement, Material, Quotation, Statement, TextDelta, Verdict, WrittenPieces
from ragsite.core.errors import RagError


@dataclass
class StreamingGenerator:
    """Says each sentence in deltas of a word and then as a statement, quoting the first passage that holds it.

    `computed` has the words that were made so far, `stopped` whether the writing was ended from outside. With `failure` it
    gives up after all that.
    """

    sentences: Sequence[str]
    failure: RagError | None = None
    name: str = "streaming"
    instead: str = "Another one did."
    computed: list[str] = field(default_factory=list)
    stopped: bool = False

    def generate(self, material: Material, *, deadline: Deadline) -> WrittenPieces:
        """See Generator."""
        try:
            for sentence in self.sentences:
                for word in sentence.split():
                    self.computed.append(word)
                    yield TextDelta(f"{word} ")
                yield self._statement(sentence, material)
        except GeneratorExit:
            self.stopped = True
            raise
        if self.failure:
            raise self.failure

    def _statement(self, sentence: str, material: Material) -> Statement:
        found = next((one for one in material.passages if sentence in one.text), None)
        if found is None:
            return Statement(sentence, (), Judgement(Verdict.UNSUPPORTED))
        start = found.start + found.text.index(sentence)
        quotation = Quotation(found, start, start + len(sentence), sentence, 1.0)
        return Statement(sentence, (quotation,), Judgement(Verdict.SUPPORTED))
