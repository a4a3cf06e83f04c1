"""PostgreSQL's own programs: found, asked for their version, and run with the login in their environment, which `ps` hides."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import psycopg
from django.db import connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from ragsite.core.configuration import ServerSettings
from ragsite.core.errors import ConfigurationError, ServiceUnavailableError
from ragsite.core.transport import Transport
from ragsite.stack import processes
from ragsite.stack.local import owner_url
from ragsite.stack.postgres import program_bundled

PIECE_BYTES = 1024 * 1024
ENDS_SECONDS = 30
OPTIONS = "-c maintenance_work_mem=512MB"
"""Of a session: an index of vectors that does not fit in this is built many times slower."""


def owners_address() -> str:
    """Where the role that owns the schema logs in, by TLS where others do."""
    return Transport(ServerSettings.current().ca_file).database(owner_url())


@contextmanager
def owners_connection(*, name: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the owner, in autocommit. The application's login is tried first: a wrong one shows before anything else.

    Raises:
        ServiceUnavailableError: the database does not answer, or stops answering.
    """
    connection.ensure_connection()
    try:
        with psycopg.connect(owners_address(), autocommit=True, connect_timeout=5, application_name=name) as opened:
            yield opened
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise ServiceUnavailableError(
            f"The database does not answer: {' '.join(str(error).split()).rstrip('.')}.",
            action="Check that it runs and that DATABASE_OWNER_URL is right, then run it again.",
        ) from error


def program_found(name: str, *, server: int) -> Path:
    """The program on PATH, or the one that comes with the embedded server; not older than the server's major version.

    Raises:
        ConfigurationError: there is none, or what there is is older.
    """
    on_path = shutil.which(name)
    places = [Path(on_path)] if on_path else []
    found = {place: _version(place) for place in [*places, program_bundled(name)] if place is not None}
    for place, version in found.items():
        if version >= server:
            return place
    what = (
        f"{name} is missing" if not found else f"{name} is of version {max(found.values())}, and the server of {server}"
    )
    raise ConfigurationError(
        f"{what}.", action=f"Put PostgreSQL's client programs of version {server} or later on PATH."
    )


def output_of(program: Path, *words: str, url: str) -> Iterator[bytes]:
    """What the program writes, in pieces.

    Raises:
        ServiceUnavailableError: it failed; its last words.
    """
    with tempfile.TemporaryFile() as errors:
        with _started(program, words, url=url, errors=errors) as process:
            output = cast(IO[bytes], process.stdout)
            try:
                while piece := output.read(PIECE_BYTES):
                    yield piece
                process.wait()
            finally:
                process.kill()
        _check(program, process.returncode, errors)


def run(program: Path, *words: str, url: str) -> None:
    """Run the program to its end. Raises as `output_of`."""
    for _ in output_of(program, *words, url=url):
        pass


def login_in_variables(url: str) -> dict[str, str]:
    """PGHOST, PGPASSWORD and the like, for an address."""
    told = conninfo_to_dict(url)
    known = {one.keyword.decode(): one.envvar for one in Conninfo.get_defaults()}
    return {(known[name] or b"").decode(): str(value) for name, value in told.items() if known.get(name)}


def _started(program: Path, words: Sequence[str], *, url: str, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    environ = {**processes.clean_environment(), **login_in_variables(url), "PGOPTIONS": OPTIONS}
    try:
        return subprocess.Popen(
            [str(program), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environ
        )
    except OSError as error:
        raise processes.program_error(str(program), error) from error


def _check(program: Path, code: int, errors: IO[bytes]) -> None:
    errors.seek(0)
    words = processes.telling_line(errors.read().decode("utf-8", errors="replace"))
    if code:
        raise ServiceUnavailableError(
            f"{program.name} failed ({processes.ending(code)}): {words}", action="Mend what it says, then run it again."
        )


def _version(program: Path) -> int:
    """Its major version; 0 of a program that does not say one."""
    try:
        said = processes.run([str(program), "--version"], timeout=ENDS_SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    number = re.search(r"\) (\d+)", said)
    return int(number[1]) if number else 0
