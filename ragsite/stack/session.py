"""The servers for the length of a block: given, found running, or started for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ragsite.stack.stack import SERVERS, Stack

_OWNER_URL = "DATABASE_OWNER_URL"


@contextmanager
def servers(
    directory: Path, environ: Mapping[str, str], *, say: Callable[[str], None] = lambda _: None
) -> Iterator[dict[str, str]]:
    """The environment variables of every server, for as long as the block runs. `say` is told what happens at its end.

    A URL in `environ` is taken as it is. The rest comes from the stack in `directory`: what runs there is used and
    left running, what does not is started and stops again with the last session that uses it.
    """
    variables = (*(kind.variable for kind in SERVERS), _OWNER_URL)
    given = {name: environ[name] for name in variables if environ.get(name)}
    stack = Stack(directory, environ, say=say)
    if not stack.servers:
        yield given
        return
    with stack.session() as started:
        yield {**given, **started}
