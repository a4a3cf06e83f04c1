"""No line of a log has such a value in it, whichever logger and handler writes it: records are masked as they are made."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Mapping
from typing import Any

from ragsite.core.masking.kinds import USUAL
from ragsite.core.masking.masks import NAMES
from ragsite.core.masking.recognising import finds_in

_MAY_HAVE_ONE = re.compile(
    r"@|[0-9][0-9 ./()-]{5,}[0-9]|[A-Za-z0-9_-]{18}|[0-9]{2} ?[0-9A-Z]|PRIVATE|"
    r"(?i:pass|pwd|wort|secret|token|key|bearer|basic|credential|pin\b|contrase|senha|hasło|пароль|密码)"
)
CLEAN_KEPT, CLEAN_LENGTH = 4_096, 200
"""Lines without values that are remembered, and how long such a line is at most: the same are written again and again."""

_clean: set[str] = set()

LONGEST = 200_000
"""Characters of a record; of a longer one the rest is left out."""


def text_for_logs(text: str) -> str:
    """The text with its values replaced by their kinds. There is no tenant whose masks these could be."""
    if text in _clean or not _MAY_HAVE_ONE.search(text):
        return text
    parts, past = [], 0
    for find in finds_in(text[:LONGEST], USUAL):
        parts += [text[past : find.start], f"[{NAMES[find.kind]}]"]
        past = find.end
    if not parts:
        _keep_clean(text)
        return text[:LONGEST]
    return "".join([*parts, text[past:LONGEST]])


def _keep_clean(text: str) -> None:
    if len(_clean) >= CLEAN_KEPT:
        _clean.clear()
    if len(text) <= CLEAN_LENGTH:
        _clean.add(text)


def record_masked(record: logging.LogRecord) -> logging.LogRecord:
    """The record, changed where its message or its traceback has a value in it."""
    said = _message(record)
    if said is not None and text_for_logs(said) != said:
        _message_mask(record)
    if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
        told = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        if (masked := text_for_logs(told)) != told:
            record.exc_text = masked
            # Whoever formats it anew must not come back to the error itself, but for those that know what to tell of one.
            record.masked_error, record.exc_info = record.exc_info[1], None
    return record


def logs_mask() -> None:
    """From now on every record of this process is masked."""
    made = logging.getLogRecordFactory()
    if getattr(made, "masks", False):
        return

    def masking(*args: Any, **kwargs: Any) -> logging.LogRecord:
        return record_masked(made(*args, **kwargs))

    masking.masks = True  # type: ignore[attr-defined]  # so that it is put in once
    logging.setLogRecordFactory(masking)


def _message(record: logging.LogRecord) -> str | None:
    """None for one that can't be put together: its handler says so."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - whatever an argument does when it is shown
        return None


def _message_mask(record: logging.LogRecord) -> None:
    """Argument by argument first: formatters such as the web server's take them one by one."""
    args = record.args
    if isinstance(args, Mapping):
        record.args = {key: _masked(value) for key, value in args.items()}
    elif args:
        record.args = tuple(_masked(value) for value in args)
    if isinstance(record.msg, str) and args:
        record.msg = text_for_logs(record.msg)
    said = record.getMessage()
    if (masked := text_for_logs(said)) != said:
        record.msg, record.args = masked, ()


def _masked(value: object) -> object:
    if isinstance(value, bool | int | float | None):
        return value
    text = str(value)
    masked = text_for_logs(text)
    return value if masked == text else masked
