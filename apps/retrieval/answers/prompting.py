"""What a language model is told: to answer from passages, which are data and not instructions.

The instructions are the prompt "answer". How passages and question follow them is part of its version, so that a change here is a
new number, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from apps.documents.languages import language_name
from apps.models.generation import Message, Role
from apps.retrieval.answers.prompts import Prompt, prompt
from apps.retrieval.answers.tables import NO_HEADS, Heads
from apps.retrieval.search.passages import Passage

NOT_FOUND = "NOT FOUND"
"""What a model is told to say where the passages do not hold the answer."""

_DELIMITER = re.compile(r"<(?=\s*/?\s*passage)", re.IGNORECASE)
_UNSEEN = re.compile(
    "[\U000e0000-\U000e007f\u202a-\u202e\u2066-\u2069]"
)  # Unicode's tags, and what turns the direction.


def answer_prompt() -> Prompt:
    """The prompt in use."""
    return prompt("answer")


def messages_of(
    question: str,
    passages: Sequence[Passage],
    *,
    prompt: Prompt,
    language: str | None = None,
    heads: Heads = NO_HEADS,
) -> tuple[Message, ...]:
    """The same instructions first, whatever is asked, so that they are computed once; then the passages by number.

    One that begins within a table is told after the table's head, which `heads` has by the passage's chunk. `language` is the
    code of the one to answer in (ISO 639-1). It is said last, as it is an exception to the instructions.
    """
    quoted = "\n".join(
        passage_told(number, passage, head=heads.get(passage.chunk_id, ()))
        for number, passage in enumerate(passages, start=1)
    )
    asked = f"{quoted}\n\nQuestion: {plain(question)}"
    if language:
        asked += f"\n\nAnswer in {language_name(language)}, whatever the language of the question is."
    return Message(Role.SYSTEM, prompt.text), Message(Role.USER, asked)


def passage_told(number: int, passage: Passage, *, head: Sequence[str] = ()) -> str:
    """A passage between its delimiters, under the head of the table that it begins within."""
    columns = plain(f"| {' | '.join(head)} |") + "\n" if head else ""
    return f'<passage number="{number}">\n{columns}{plain(passage.text)}\n</passage>'


def plain(text: str) -> str:
    """The text with what looks like our delimiters taken apart, so that a passage can't end itself, and without characters that
    only a model reads.
    """
    return _DELIMITER.sub("< ", _UNSEEN.sub("", text))
