"""The pool of the web process, whose connections the server may have closed since they were used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from ragsite.core.postgresql.base import DatabaseWrapper

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]
SIZE = 4


@pytest.fixture
def pooled() -> Iterator[DatabaseWrapper]:
    options = connection.settings_dict["OPTIONS"]
    pool = {"min_size": SIZE, "max_size": SIZE, "timeout": 10}
    own: dict[str, Any] = {"options": "-c application_name=pooled", "pool": pool}
    settings = {
        **connection.settings_dict,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {**options, **own},
    }
    wrapper = DatabaseWrapper(settings)
    wrapper.pool.open(wait=True)
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def test_connections_that_the_server_has_closed_are_given_to_nobody(pooled: DatabaseWrapper) -> None:
    before = {asked(pooled) for _ in range(SIZE)}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = 'pooled'"
        )
        assert cursor.fetchone() == (SIZE,)
    after = {asked(pooled) for _ in range(3 * SIZE)}
    assert before
    assert not after & before


def asked(pooled: DatabaseWrapper) -> int:
    """The server's process that answers, on a connection of the pool, which is given back."""
    with pooled.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        ((pid,),) = cursor.fetchall()
    pooled.close()
    return int(pid)
