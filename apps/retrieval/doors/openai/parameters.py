"""What OpenAI's API knows and this one does not do: refused in words where it would change the answer, ignored where not."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from ragsite.gateway.names import StrictBody


def only(*allowed: Any, why: str) -> AfterValidator:
    """A value that is one of these; for any other the sentence `why`."""

    def check(value: Any) -> Any:
        if value not in allowed:
            raise PydanticCustomError("refused", "{why}", {"why": why})
        return value

    return AfterValidator(check)


NO_TOOLS = "Tools are not called here: answers are made from documents alone. Leave it out."
NO_TUNING = "Answers are not written by this. Leave it out."

NoTools = Annotated[Any, only(None, [], "none", "auto", why=NO_TOOLS)]
NoTuning = Annotated[Any, only(None, 0, {}, why=NO_TUNING)]
AllTokens = Annotated[Any, only(None, 1, why="Tokens are drawn from all of the probability. Leave it out, or send 1.")]


class Ignored(StrictBody):
    """What changes no answer here, and is taken from every client."""

    user: Any = None
    metadata: Any = None
    store: Any = None
    seed: Any = None
    service_tier: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    parallel_tool_calls: Any = None
    verbosity: Any = None
