"""Errors as a log may have them: which, where, and by which code. The words of one that is not ours may be text of a document, a
question or a password, whichever library quotes it; they are told where the settings allow it.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import TracebackType

from ragsite.core.errors import RagError
from ragsite.core.masking.logs import text_for_logs

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]
MOST_CAUSES = 10


def error_told(error: BaseException, *, texts: bool) -> str:
    """The error with the frames that it passed, and those that led to it, the first of them first."""
    told = [_told(one, texts=texts) for one in reversed(list(_chain(error)))]
    return "\n\nwhich led to\n\n".join(told)


def error_name(error: BaseException) -> str:
    """`ConflictError conflict`, `builtins.ValueError`."""
    kind = type(error)
    if isinstance(error, RagError):
        return f"{kind.__name__} {error.error_code}"
    return f"{kind.__module__}.{kind.__qualname__}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if found is None:
            return
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _told(error: BaseException, *, texts: bool) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    words = f": {text_for_logs(str(error))}" if texts else ""
    return f"Traceback (most recent call last):\n{frames}{error_name(error)}{words}"
