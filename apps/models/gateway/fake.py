"""Answers without a model, for tests and for trying things out: texts that share words lie close together."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from apps.models.gateway.protocol import Deadline, ModelCall, Purpose
from apps.models.generation import Conversation, Finish, GeneratedText, GenerationEnd
from apps.models.inputs import QueryTexts, Texts
from apps.models.installed_model import EmbeddingModel, InstalledModel, ModelKind
from apps.models.prompts import TextRole
from apps.models.reading import READING_WIDTH

WORD = re.compile(r"\w+")


class FakeTransport:
    """Answers at once, in this process, the same for the same text on every machine."""

    def run(self, call: ModelCall) -> np.ndarray:
        """See ModelTransport."""
        call.deadline.check("the model was asked")
        told: dict[str, Any] = {"model": call.model, "purpose": call.purpose, "deadline": call.deadline}
        match call.model.kind, call.inputs:
            case ModelKind.EMBEDDING, Texts(texts, role):
                return self.embed(texts, role=role, **told)
            case ModelKind.RERANKING, QueryTexts(query, texts):
                return self.rerank(query, texts, **told)[:, None]
            case ModelKind.READING, QueryTexts(question, texts):
                return self.read(question, texts, **told)
        raise TypeError(f"nothing to say to {type(call.inputs).__name__} as a model for {call.model.kind}")

    def stream(self, call: ModelCall) -> Iterator[Any]:
        """See ModelTransport: says what was said last, word by word."""
        call.deadline.check("the model was asked")
        if not isinstance(call.inputs, Conversation):
            raise TypeError(f"nothing to write about {type(call.inputs).__name__}")
        words = call.inputs.messages[-1].content.split()
        wanted = call.inputs.options.max_tokens or len(words)
        for number, word in enumerate(words[:wanted]):
            yield GeneratedText(f" {word}" if number else word)
        finish = Finish.LENGTH if wanted < len(words) else Finish.STOP
        read = sum(len(message.content.split()) for message in call.inputs.messages)
        yield GenerationEnd(finish, read, min(wanted, len(words)))

    def embed(
        self, texts: Sequence[str], *, role: TextRole, model: EmbeddingModel, purpose: Purpose, deadline: Deadline
    ) -> np.ndarray:
        """Directions of the texts: float32 of shape (n, model.dimensions). The role makes no difference here."""
        rows = [_unit_vector(text, width=model.dimensions) for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(rows), model.dimensions)

    def rerank(
        self, query: str, texts: Sequence[str], *, model: InstalledModel, purpose: Purpose, deadline: Deadline
    ) -> np.ndarray:
        """The share of the query's words that each text has: float32 of shape (n,)."""
        sought = _words(query)
        shares = [len(sought & _words(text)) / max(len(sought), 1) for text in texts]
        return np.array(shares, dtype=np.float32)

    def read(
        self, question: str, passages: Sequence[str], *, model: InstalledModel, purpose: Purpose, deadline: Deadline
    ) -> np.ndarray:
        """The first word of each passage that the question lacks, scored as `rerank` does; a half speaks for no answer."""
        shares = self.rerank(question, passages, model=model, purpose=purpose, deadline=deadline)
        rows = [(*_first_new(question, passage), share, 0.5) for passage, share in zip(passages, shares, strict=True)]
        return np.array(rows, dtype=np.float32).reshape(len(rows), READING_WIDTH)


def _first_new(question: str, passage: str) -> tuple[int, int]:
    """The span of the first word that is not the question's; empty where there is none."""
    known = _words(question)
    return next((word.span() for word in WORD.finditer(passage) if word.group().casefold() not in known), (0, 0))


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.casefold()))


def _unit_vector(text: str, *, width: int) -> np.ndarray:
    """The direction of the sum of the words' directions; a text without words counts as one word."""
    words = WORD.findall(text.casefold()) or [text]
    total = np.sum([_direction(word, width=width) for word in words], axis=0)
    unit: np.ndarray = total / np.linalg.norm(total)
    return unit


def _direction(word: str, *, width: int) -> np.ndarray:
    """A direction that looks random and hangs on the word alone; two words' are nearly at right angles."""
    digest = hashlib.shake_256(word.encode("utf-8", "surrogatepass")).digest(width)
    # Half steps, so that no component and no sum of one word is 0.
    return np.frombuffer(digest, dtype=np.uint8).astype(np.float64) - 127.5
