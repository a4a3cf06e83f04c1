"""A parsing worker of the tests: what its parser does to its own process is the first word of the file.

Started with `celery -A tests.workers.stubborn worker`, and imported by nothing else: from then on a process reads texts so.
"""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

from apps.documents.parsing import registry
from apps.documents.parsing.text.plain import TextParser
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument
from tests.workers.stubborn_words import DIE, HOLD, HOLD_SECONDS, STAY, STAY_SECONDS
from workers.celery import app

__all__ = ["app"]


class StubbornParser(TextParser):
    """Reads text, after what the text asks for."""

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        match path.read_text().split()[0]:
            case word if word == HOLD:
                _keep_the_interpreter(HOLD_SECONDS)
            case word if word == STAY:
                _keep_the_interpreter(STAY_SECONDS)
            case word if word == DIE:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().parse(path, limits)


def _keep_the_interpreter(seconds: int) -> None:
    """As a long call into C does: no other thread runs meanwhile, and no signal is heeded."""
    heeded = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctypes.PyDLL(None).sleep(seconds)
    signal.pthread_sigmask(signal.SIG_SETMASK, heeded)


registry.PARSERS[DocumentType.TEXT] = f"{__name__}.StubbornParser"
