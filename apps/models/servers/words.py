"""What servers are given to read and what they write, made harmless."""

from __future__ import annotations

import re

_CONTROL = re.compile(
    r"<(?=[|｜][^<>\n]{1,40}[|｜]>)"
    r"|<(?=/?(?:s|bos|eos|pad|unk|think|tool_call|tool_response|start_of_turn|end_of_turn)>)"
    r"|<(?=</?SYS>>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\])"
)


def turns_apart(text: str) -> str:
    """The text with a blank in what chat templates use for control: many a server reads it as such wherever it stands, so that a
    document that is quoted could end its turn and begin one of the system. Which tokens a server's model has is not known here.
    """
    return _CONTROL.sub(lambda found: f"{found[0]} ", text)


def storable(text: str) -> str:
    """The text without what PostgreSQL and UTF-8 have no place for: NUL, and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
