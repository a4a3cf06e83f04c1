"""Where Django looks for a backend's `DatabaseWrapper`."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base
from psycopg_pool import PoolTimeout

from ragsite.core.postgresql.silence import SERVER, PatientConnection, silent


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's with a pool of patient connections. That the pool has none left may mean that they were lost with the server."""

    def __init__(self, settings_dict: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(settings_dict, *args, **kwargs)
        settings_dict["OPTIONS"]["pool"]["connection_class"] = PatientConnection

    def get_new_connection(self, conn_params: Any) -> Any:
        """As Django's.

        Raises:
            psycopg.OperationalError: the server does not answer.
            PoolTimeout: it does, and all connections are in use.
        """
        SERVER.check()
        try:
            return super().get_new_connection(conn_params)
        except PoolTimeout as error:
            if SERVER.answers():
                raise
            raise silent() from error
