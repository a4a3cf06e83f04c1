"""Where Django looks for a backend's `DatabaseWrapper`."""

from __future__ import annotations

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg.pq import ConnStatus
from psycopg_pool import PoolTimeout

from ragsite.core.postgresql.silence import SERVER, PatientConnection, silent


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's with a pool of patient connections. That the pool has none left may mean that they were lost with the server."""

    def __init__(self, settings_dict: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(settings_dict, *args, **kwargs)
        settings_dict["OPTIONS"]["pool"]["connection_class"] = PatientConnection

    def get_new_connection(self, conn_params: Any) -> Any:
        """As Django's, but never one that the server has closed meanwhile: those go, so that a server that was started again
        costs nobody a request for each connection that was in the pool.

        Raises:
            psycopg.OperationalError: the server does not answer.
            PoolTimeout: it does, and all connections are in use.
        """
        SERVER.check()
        try:
            while was_closed(found := super().get_new_connection(conn_params)):
                found.close()
                self.pool.putconn(found)  # type: ignore[attr-defined]  # the stubs lack it
        except PoolTimeout as error:
            if SERVER.answers():
                raise
            raise silent() from error
        return found


def was_closed(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has closed a connection that nothing is asked on. Asks nobody: what it said last, or that nothing more
    will come, is there to be read.
    """
    pgconn, looking = connection.pgconn, select.poll()
    looking.register(pgconn.socket, select.POLLIN)
    try:
        while looking.poll(0):
            pgconn.consume_input()
    except psycopg.OperationalError:
        return True
    return pgconn.status != ConnStatus.OK
