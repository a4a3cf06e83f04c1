"""Migrations with somebody in their way: nobody waits behind them for long, and who it is is told."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled

from ragsite.core import lock_waits, migrating
from ragsite.core.commands.exits import ExitCode
from ragsite.core.migrating import Patience, migrations_run
from tests.filled import database_of_own

pytestmark = pytest.mark.servers
NAME = "held_up"
IN_THE_WAY = r"a long report \(role ragsite_owner, process \d+, since [\d: -]+ UTC\)"


class Said(io.StringIO):
    """What is written, and what is done once something is."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._then = then

    def write(self, text: str, /) -> int:
        self._then()
        return super().write(text)


@pytest.fixture
def owner(django_db_setup: None, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The owner's address of a database with one table, whose next migration wants it for itself alone."""
    monkeypatch.setattr(migrating, "PAUSES", (0.01,))
    monkeypatch.setattr(lock_waits, "EVERY_SECONDS", 0.02)
    with database_of_own(NAME, django_db_blocker) as url:
        call_command("migrate", "contenttypes", "0001", database=NAME, verbosity=0)
        yield url


@pytest.fixture
def reader(owner: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody at a long transaction."""
    with psycopg.connect(owner, application_name="a long report") as session:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        session.execute("SELECT FROM django_content_type")
        yield session


def migrate(**options: Any) -> None:
    call_command("migrate", "contenttypes", database=NAME, verbosity=0, **options)


def applied(owner: str) -> list[str]:
    with psycopg.connect(owner) as connection:
        rows = connection.execute("SELECT name FROM django_migrations WHERE app = 'contenttypes' ORDER BY id")
        return [name[:4] for (name,) in rows]


def lock_timeout() -> str:
    with connections[NAME].cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        return str(cursor.fetchone()[0])


def test_a_migration_behind_a_reader_lets_others_by_says_who_it_is_and_comes_through(
    owner: str, reader: psycopg.Connection[Any]
) -> None:
    def others_are_served() -> None:
        with psycopg.connect(owner, options="-c lock_timeout=10s") as other:
            other.execute("SELECT FROM django_content_type")
        reader.rollback()

    said = Said(others_are_served)
    migrate(stderr=said)
    assert applied(owner) == ["0001", "0002"]
    first = said.getvalue().splitlines()[0]
    assert re.fullmatch(
        r"contenttypes\.0002_remove_content_type_name was held up by the table django_content_type, which "
        rf"{IN_THE_WAY} has\. It is tried again in 0\.01 s\.",
        first,
    )


def test_one_that_stays_held_up_is_given_up_as_a_whole_and_comes_through_later(
    owner: str, reader: psycopg.Connection[Any]
) -> None:
    with pytest.raises(CommandError, match=rf"which {IN_THE_WAY} has\. It was given up after 0 s\. Run it") as given_up:
        migrate(patience=0.0)
    assert given_up.value.returncode == ExitCode.UNREACHABLE
    assert (applied(owner), lock_timeout()) == (["0001"], "0")
    reader.rollback()
    migrate()
    assert (applied(owner), lock_timeout()) == (["0001", "0002"], "0")


def test_a_dry_run_says_what_is_due(owner: str) -> None:
    told = io.StringIO()
    migrate(dry_run=True, stdout=told)
    assert "contenttypes.0002_remove_content_type_name" in told.getvalue()
    assert applied(owner) == ["0001"]


def test_what_nobody_waits_for_waits_as_long_as_it_takes_and_says_so(
    owner: str, reader: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_waits, "LONG_SECONDS", 0.5)
    said: list[str] = []

    def make_index() -> None:
        with connections[NAME].cursor() as cursor:
            cursor.execute("CREATE INDEX CONCURRENTLY by_model ON django_content_type (model)")

    def say(line: str) -> None:
        said.append(line)
        reader.rollback()

    migrations_run(make_index, alias=NAME, patience=Patience(0.1, 0), doing=lambda: "The index", say=say)
    assert re.fullmatch(rf"The index waits for the end of the transaction of {IN_THE_WAY}\.", said[0])
    assert lock_timeout() == "0"


@pytest.mark.django_db
@pytest.mark.parametrize("cause", [LockNotAvailable, DeadlockDetected])
def test_whoever_was_in_the_way_for_a_moment_is_waited_for(
    cause: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "PAUSES", (0.01,))
    ends: list[Exception | None] = [cause(), cause(), None]
    said: list[str] = []

    def work() -> None:
        if (error := ends.pop(0)) is not None:
            raise OperationalError from error

    migrations_run(work, alias="default", patience=Patience(1, 60), doing=lambda: "It", say=said.append)
    assert said == 2 * [
        "It was held up by a session that has ended meanwhile, or can't be seen. It is tried again in 0.01 s."
    ]


@pytest.mark.django_db
def test_other_errors_of_a_migration_are_its_own() -> None:
    def work() -> None:
        raise OperationalError from QueryCanceled()

    with pytest.raises(OperationalError):
        migrations_run(work, alias="default", patience=Patience(1, 60), doing=lambda: "It", say=pytest.fail)
