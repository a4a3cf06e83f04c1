"""Data of PostgreSQL whose schema is made, kept for whoever starts servers for tests.

To migrate an empty database takes far longer than to copy one. It is done once for the migrations as they stand; below pytest's
cache the data stays for later runs.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from ragsite.stack import databases, postgres
from ragsite.stack.folders import locked
from ragsite.stack.postgres import PostgresServer
from ragsite.stack.stack import Stack

PROJECT = Path(__file__).resolve().parents[1]
KEPT = PROJECT / ".pytest_cache" / "d" / "ragsite-schema"
LOCK_SECONDS = 600.0
ELSEWHERE = {"REDIS_URL": "redis://nowhere", "KAFKA_BOOTSTRAP_SERVERS": "nowhere:1"}
SEEDS = (__file__, databases.__file__, postgres.__file__, PROJECT / "requirements" / "lock.txt")
_IMPORTED = re.compile(r"^(?:from|import) ((?:ragsite|apps)(?:\.\w+)*)", re.MULTILINE)


def schema_laid(stack: Path) -> None:
    """Put the data where the servers of this folder, which were never started, will look for theirs."""
    target = stack / PostgresServer.name / "data"
    target.parent.mkdir(mode=0o700, parents=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    with locked(KEPT / "lock", seconds=LOCK_SECONDS):
        made = KEPT / schema_key()
        if not made.exists():
            _forget_all_but_last()
            _make(made)
        _copy(made, target)


def schema_key() -> str:
    """Another one whenever the schema may come out otherwise."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(sources()):
        digest.update(str(path.relative_to(PROJECT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def sources() -> set[Path]:
    """The migrations and what else the schema is made from, with all of the project that they import."""
    found: set[Path] = set()
    waiting = {*map(Path, SEEDS), *PROJECT.glob("apps/*/migrations/*.py"), *PROJECT.glob("ragsite/*/migrations/*.py")}
    while waiting:
        found |= waiting
        waiting = {module for path in waiting for module in _imported(path)} - found
    return found


def _imported(path: Path) -> Iterator[Path]:
    names: Iterable[str] = _IMPORTED.findall(path.read_text()) if path.suffix == ".py" else ()
    for name in names:
        place = PROJECT.joinpath(*name.split("."))
        yield from (one for one in (place.with_suffix(".py"), place / "__init__.py") if one.exists())


def _make(made: Path) -> None:
    """It is there once it is whole. Not below the cache, which PostgreSQL's user may not reach under root."""
    draft = made.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    with TemporaryDirectory(prefix="ragsite-schema-") as folder:
        stack = Stack(Path(folder) / "stack", ELSEWHERE)
        with stack.session() as environ:
            _migrate({**os.environ, **ELSEWHERE, **environ, "DATABASE_URL": environ["DATABASE_OWNER_URL"]})
        _copy(stack.postgres.data, draft)
    draft.replace(made)


def _migrate(environ: Mapping[str, str]) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=PROJECT, env=environ, check=True)


def _forget_all_but_last() -> None:
    """A second one stays, for whoever goes back and forth between two states of the code."""
    made = sorted((one for one in KEPT.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime)
    for one in made[:-1]:
        shutil.rmtree(one)


def _copy(source: Path, target: Path) -> None:
    """With owners and permissions, on which PostgreSQL insists."""
    subprocess.run(["cp", "-a", source, target], check=True)
