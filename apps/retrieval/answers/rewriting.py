"""A question of a conversation is made one that can be searched for alone: by a language model, else by the plain rule.

A model may only put into words what was said: what it writes counts if it is one short line that keeps what the question says and
has no word that neither the question nor the conversation has. Else the plain rule holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Protocol

from apps.models.gateway import Deadline, Purpose, generate
from apps.models.generation import GeneratedText, GenerationOptions, Message, Role
from apps.models.installed_model import InstalledModel
from apps.retrieval.answers.follow_ups import (
    PastTurn,
    content_words,
    is_spaceless,
    language_said,
    question_completed,
)
from apps.retrieval.answers.prompts import prompt
from apps.retrieval.answers.words import stem, words_of

PROMPT = "rewrite"
"""The prompt that says what to do."""

SHARE = 0.25
"""Of the time there is, what the rewriting of a question may take; and no more than MOST_SECONDS."""

MOST_SECONDS = 5.0
MAX_TOKENS = 96
LONGEST = 500
"""Characters of a rewritten question that are more than it had as it was asked."""

ANSWER_SHOWN = 400
"""Characters of each earlier answer that a model is told."""


class Rewriter(Protocol):
    """Makes a question one that can be understood without the conversation it was asked in."""

    def rewrite(self, question: str, history: Sequence[PastTurn], *, deadline: Deadline) -> str:
        """The question to search for; the one that was asked if it stands by itself. `history` has the latest turn last.

        Raises:
            RagError: it can't tell; another rewriter may.
        """
        ...


class PlainRewriter:
    """By the rule of `follow_ups`: no model, the same every time."""

    def rewrite(self, question: str, history: Sequence[PastTurn], *, deadline: Deadline) -> str:
        """See Rewriter."""
        return question_completed(question, history)


class ModelRewriter:
    """By a language model, for questions that lean on others by the plain rule: one that stands by itself costs no call."""

    def __init__(self, model: InstalledModel) -> None:
        self._model = model

    def rewrite(self, question: str, history: Sequence[PastTurn], *, deadline: Deadline) -> str:
        """See Rewriter."""
        plain = question_completed(question, history)
        if plain == question:
            return question
        until = Deadline.after(min(deadline.remaining() * SHARE, MOST_SECONDS))
        said = _said(messages_of(question, history), self._model, until)
        return said if may_stand_for(said, question, history) else plain


def may_stand_for(said: str, question: str, history: Sequence[PastTurn]) -> bool:
    """Whether what a model wrote only says the question in words of the conversation, and all of it."""
    if not said or "\n" in said or len(said) > len(question) + LONGEST or is_spaceless(question):
        # Without blanks no words can be told apart, so nothing can be held against what was said.
        return False
    language = language_said(question, history[-1].question)
    new = {stem(word) for word in content_words(said, language=language)}
    asked = {stem(word) for word in content_words(question, language=language)}
    known = {
        stem(word) for turn in history for text in (turn.meant, turn.question, turn.answer) for word in words_of(text)
    }
    return asked <= new <= asked | known | {stem(word) for word in words_of(question)}


def messages_of(question: str, history: Sequence[PastTurn]) -> tuple[Message, ...]:
    """What a language model is told: what to do, what was said, and the question."""
    said = "\n".join(line for turn in history for line in _lines(turn))
    asked = f"<conversation>\n{said}\n</conversation>\n\nLast question: {_plain(question)}"
    return Message(Role.SYSTEM, prompt(PROMPT).text), Message(Role.USER, asked)


def _lines(turn: PastTurn) -> list[str]:
    answer = _plain(turn.answer[:ANSWER_SHOWN])
    return [f"Question: {_plain(turn.question)}", *([f"Answer: {answer}"] if answer else [])]


def _plain(text: str) -> str:
    """On one line, and without what looks like our delimiters, so that what was said can't end itself."""
    return " ".join(text.replace("<", "‹").replace(">", "›").split())


def _said(messages: Sequence[Message], model: InstalledModel, deadline: Deadline) -> str:
    options = GenerationOptions(max_tokens=MAX_TOKENS, stop=("\n",))
    told = generate(messages, model=model, purpose=Purpose.ANSWER, deadline=deadline, options=options)
    with closing(told) as pieces:  # type: ignore[type-var]
        said = "".join(piece.text for piece in pieces if isinstance(piece, GeneratedText))
    return said.strip().strip("\"'“”„«»").strip()
