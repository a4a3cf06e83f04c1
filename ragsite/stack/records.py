"""What is remembered of a server between two processes: its port, its process, its passwords."""

from __future__ import annotations

import dataclasses
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from ragsite.stack.folders import using, write_private

_PASSWORD_BYTES = 24


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """One server's memory. `port` is kept while it is stopped, so that it comes back at the same address."""

    port: int | None = None
    pid: int | None = None
    passwords: dict[str, str] = field(default_factory=dict)


def read_record(path: Path) -> ServerRecord:
    """The record in `path`; an empty one when it is missing or damaged, as all it says can be found out again."""
    try:
        with using(path.parent):
            text = path.read_text(encoding="utf-8") if path.exists() else "{}"
        return ServerRecord(**json.loads(text))
    except (ValueError, TypeError):
        return ServerRecord()


def write_record(path: Path, record: ServerRecord) -> None:
    """Replace the record in `path` in one step."""
    write_private(path, json.dumps(dataclasses.asdict(record), indent=2))


def with_passwords(record: ServerRecord, *names: str) -> ServerRecord:
    """`record` with a random password for each of `names` that has none yet. They need no quoting in a URL."""
    missing = {name: secrets.token_urlsafe(_PASSWORD_BYTES) for name in names if name not in record.passwords}
    return dataclasses.replace(record, passwords={**record.passwords, **missing})
