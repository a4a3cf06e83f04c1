"""The folder of the stack: made private, locked between processes, and failing in one sentence."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ragsite.core.errors import ConfigurationError, ServiceUnavailableError

logger = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT)
_LOCK_POLL_SECONDS = 0.05


@contextmanager
def using(folder: Path) -> Iterator[None]:
    """Turn an operating system's refusal to read or write below `folder` into a ConfigurationError that names it."""
    try:
        yield
    except OSError as error:
        raise folder_error(folder, error) from error


def folder_error(folder: Path, error: OSError) -> ConfigurationError:
    """The sentence for `error`, met below `folder`."""
    if error.errno in _FULL:
        action = "Free space on that disk, or set RAGSITE_DATA_DIR to a folder on another one."
    else:
        action = "Set RAGSITE_DATA_DIR to a folder that this user may write."
    reason = error.strerror or str(error)
    return ConfigurationError(f"The data folder {folder} can't be used: {reason}.", action=action)


def make_private(folder: Path) -> None:
    """Make `folder` and its parents, readable by their owner only. Raises ConfigurationError when that is refused."""
    with using(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def make_reachable(path: Path) -> None:
    """Let other system users pass through the folders above `path`, without letting them list those.

    PostgreSQL refuses to run as root, so under root it runs as a user that owns nothing but its own data. It must be able
    to come by at any time: it ends itself when a checkpoint finds a folder above its data closed.
    """
    with using(path):
        for folder in path.parents:
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
                logger.info("Added the search permission for other users to %s.", folder)


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step, readable by its owner only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with using(path.parent):
        try:
            with private_file(draft, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def private_file(path: Path, mode: str) -> IO[str]:
    """Open a text file that only its owner may read, from the moment it exists."""
    return open(path, mode, encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))


@contextmanager
def locked(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold the exclusive lock on `path`; the kernel gives it back when the holder dies.

    Raises ServiceUnavailableError when another process still holds it after `seconds`.
    """
    with open_lock(path) as file:
        deadline = time.monotonic() + seconds
        while not try_lock(file, shared=False):
            if time.monotonic() > deadline:
                raise ServiceUnavailableError(
                    f"Another process has been starting or stopping the servers of {path.parent} for {seconds:.0f} s.",
                    action="Wait for it, or end it, then try again.",
                )
            time.sleep(_LOCK_POLL_SECONDS)
        yield


def open_lock(path: Path) -> IO[str]:
    """Open the file that carries a lock; closing it gives the lock back."""
    with using(path.parent):
        return private_file(path, "a")


def try_lock(file: IO[str], *, shared: bool) -> bool:
    """Take the lock on an open file, or turn a held one into the other kind; False when others hold it."""
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
