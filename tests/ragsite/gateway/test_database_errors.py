"""Errors of a real PostgreSQL, each made on purpose, and what they become."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, transaction
from django.db.utils import DatabaseErrorWrapper
from psycopg_pool import ConnectionPool

from apps.documents.models import KnowledgeBase
from ragsite.gateway.database_errors import database_error
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)


def _statement_timeout() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '10ms'")
        cursor.execute("SELECT pg_sleep(10)")


def _lock_timeout() -> None:
    base = make.knowledge_base()
    held, tried = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            KnowledgeBase.objects.select_for_update().get(pk=base.pk)
            held.set()
            assert tried.wait(20)

    with make.in_background(hold):
        assert held.wait(20)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '10ms'")
                KnowledgeBase.objects.select_for_update().get(pk=base.pk)
        finally:
            tried.set()


def _deadlock() -> None:
    bases = [make.knowledge_base(), make.knowledge_base()]
    both = threading.Barrier(2)

    def crosswise(first: KnowledgeBase, second: KnowledgeBase) -> None:
        with transaction.atomic():
            KnowledgeBase.objects.select_for_update().get(pk=first.pk)
            both.wait(20)
            KnowledgeBase.objects.select_for_update().get(pk=second.pk)

    with ThreadPoolExecutor(2) as pool:
        pairs = (bases, bases[::-1])
        running = [pool.submit(make.closing(lambda pair=pair: crosswise(*pair))) for pair in pairs]
        failed = [error for one in running if (error := one.exception(30)) is not None]
    raise failed[0]


def _full_pool() -> None:
    parameters = connection.get_connection_params()
    keep = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if parameters.get(name)}
    with (
        ConnectionPool(kwargs=keep, min_size=1, max_size=1) as pool,
        pool.connection(),
        DatabaseErrorWrapper(connection),
        pool.connection(timeout=0.05),
    ):
        raise AssertionError("There was a second connection.")


def _full_disk() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE disk_full; END $$")


def _dead_server() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (_statement_timeout, "database_timeout"),
        (_lock_timeout, "database_locked"),
        (_deadlock, "database_conflict"),
        (_full_pool, "database_busy"),
        (_full_disk, "database_full"),
        (_dead_server, "database_unavailable"),
    ],
)
def test_each_error_of_the_database_has_its_own_sentence_and_is_logged(
    fault: Callable[[], None], code: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(OperationalError) as caught:
        fault()
    connection.close()
    caplog.clear()
    answered = database_error(caught.value)
    assert (answered.error_code, answered.http_status) == (code, 503)
    assert answered.retry_after
    assert answered.message not in {"", "The database does not answer."} or code == "database_unavailable"
    assert [record.message.partition(":")[0] for record in caplog.records] == [code]


def test_the_problem_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.documents.api.documents.documents_visible", lambda principal: _statement_timeout())
    response = make.client(make.tenant()).get("/api/v1/documents/")
    assert (response.status_code, response.json()["code"], response["Retry-After"]) == (503, "database_timeout", "5")
