"""Writes a query and a document into the question that a judging model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from transformers.utils.chat_template_utils import render_jinja_template

from apps.models.checkpoint import checkpoint_read
from apps.models.engine.tokenizer import PairIds, tokenizer_plain
from apps.models.errors import UnsupportedModelError
from apps.models.inputs import TextPair
from apps.models.judging import INSTRUCTION, Frame, Judge
from apps.models.modules import json_read

QUERY, DOCUMENT = "\ue000query\ue001", "\ue000document\ue001"
"""Stand for the texts while a template is looked at: no template says them itself."""

SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token")


class JudgeEncoder:
    """Turns pairs of texts into the tokens of the question; the document is cut so that the end of the question stays."""

    def __init__(self, path: Path, *, max_tokens: int) -> None:
        """
        Raises:
            UnsupportedModelError: its template does not write a query and then a document, or leaves no room for them.
        """
        judge = checkpoint_read(path).judge
        if judge is None:
            raise TypeError(f"{path} is no judge")
        self._judge = judge
        self._tokenizer = tokenizer_plain(path)
        self._frame = _frame(path, judge)
        self._end = self._ids(self._frame.after)
        self._room = max_tokens - len(self._end)
        if self._room <= len(self._ids(self._frame.before)):
            raise UnsupportedModelError(
                f"The question that {str(path)!r} is asked takes all of its {max_tokens} tokens.",
                action="Use a model that reads more.",
            )

    def encode(self, pairs: Sequence[TextPair]) -> list[PairIds]:
        """The tokens of each question, in the order given; they have no types."""
        frame = self._frame
        asked = [f"{frame.before}{query}{frame.between}{document}" for query, document in pairs]
        found = self._tokenizer.encode_batch_fast(asked, add_special_tokens=False)
        return [PairIds([*encoding.ids[: self._room], *self._end], []) for encoding in found]

    def answers(self) -> tuple[int, ...]:
        """The ids of yes and, if it counts, no.

        Raises:
            UnsupportedModelError: the tokenizer does not know one.
        """
        return tuple(self._token(answer) for answer in (self._judge.yes, self._judge.no) if answer is not None)

    def _token(self, answer: int | str) -> int:
        known = self._tokenizer.token_to_id(answer) if isinstance(answer, str) else answer
        if known is None or self._tokenizer.id_to_token(known) is None:
            raise UnsupportedModelError(
                f"The tokenizer has no token {answer!r}.", action="Name the answers' tokens in a LogitScore module."
            )
        return int(known)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)


def _frame(path: Path, judge: Judge) -> Frame:
    """What stands before the query, between it and the document, and after."""
    if judge.frame is not None:
        return Frame(
            judge.frame.before.format(instruction=judge.instruction or INSTRUCTION),
            judge.frame.between,
            judge.frame.after,
        )
    for structured in (False, True):
        asked = _rendered(path, judge, structured=structured)
        if asked.count(QUERY) == asked.count(DOCUMENT) == 1 and asked.index(QUERY) < asked.index(DOCUMENT):
            before, _, rest = asked.partition(QUERY)
            between, _, after = rest.partition(DOCUMENT)
            return Frame(before, between, after)
    raise UnsupportedModelError(
        f"The chat template of {str(path)!r} does not write the query once and then the document once.",
        action="Give it a chat_template.jinja that does.",
    )


def _rendered(path: Path, judge: Judge, *, structured: bool) -> str:
    """The question with the stand-ins; empty where the template cannot take messages of that form."""
    texts = [("system", judge.instruction), ("query", QUERY), ("document", DOCUMENT)]
    messages = [
        {"role": role, "content": [{"type": "text", "text": text}] if structured else text}
        for role, text in texts
        if text
    ]
    stated = json_read(path / "tokenizer_config.json") or {}
    special: dict[str, Any] = {name: token for name in SPECIAL if isinstance(token := stated.get(name), str)}
    try:
        # Typed as a text, it gives texts and where in them an assistant speaks.
        found: Any = render_jinja_template([messages], chat_template=judge.template, **special)
    except (TemplateError, TypeError):
        return ""
    return str(found[0][0])
