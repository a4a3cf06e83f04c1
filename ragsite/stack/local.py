"""The environment of a command on one machine: what is not given is found, or started for the command alone."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from ragsite.stack.folders import locked, make_private, write_private
from ragsite.stack.session import servers

PROJECT_DIR = Path(__file__).resolve().parents[2]


def data_directory() -> Path:
    """The folder that holds everything a one-machine installation keeps."""
    return Path(os.environ.get("RAGSITE_DATA_DIR") or PROJECT_DIR / "var").resolve()


@contextlib.contextmanager
def local_environment(*, as_owner: bool = False) -> Iterator[None]:
    """Complete this process's environment with server addresses and the signing key for as long as the block runs.

    With `as_owner` the database is reached as the role that owns the schema.
    """
    with servers(data_directory() / "stack", os.environ) as found:
        os.environ.update(found)
        if "RAGSITE_SECRET_KEY" not in os.environ:
            os.environ["RAGSITE_SECRET_KEY"] = secret_key(data_directory())
        if as_owner and os.environ.get("DATABASE_OWNER_URL"):
            os.environ["DATABASE_URL"] = os.environ["DATABASE_OWNER_URL"]
        yield


def owner_url() -> str:
    """The database's address as the role that owns the schema; the application's where no other is given."""
    return os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]


def secret_key(directory: Path) -> str:
    """The installation's signing key, made on first use and readable by its owner only."""
    path = directory / "secret_key"
    make_private(directory)
    with locked(directory / "secret_key.lock", seconds=10):
        if not path.exists():
            write_private(path, secrets.token_urlsafe(48))
    return path.read_text()
