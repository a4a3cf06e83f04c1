"""What the DAGs share of Airflow: the way to ragsite, how tasks are tried again, and what is never tried again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import Connection, Variable, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError
from ragsite_client import (
    Client,
    InvalidInputError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
)

from ragsite_batch.asking import NeedsPeopleError

CONNECTION = "ragsite"
REQUEST_SECONDS = 60.0

TRIED_AGAIN: Mapping[str, Any] = {
    "retries": 4,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": 2,
    "max_retry_delay": timedelta(minutes=30),
    "execution_timeout": timedelta(minutes=10),
}
"""Of each task. Requests are repeated within the client already: these are for ragsite being away for a while."""

OF_EACH_DAG: Mapping[str, Any] = {
    "catchup": False,
    "max_active_runs": 1,
    "default_args": dict(TRIED_AGAIN),
    "tags": ["ragsite"],
}

NOT_MENDED_BY_TIME = (
    NeedsPeopleError, NotAuthenticatedError, PermissionDeniedError, NotFoundError, InvalidInputError, ValueError,
)  # fmt: skip


@contextmanager
def ragsite() -> Iterator[Client]:
    """A client by Airflow's connection `ragsite`: its host is the address, its password the API key, and `ca_file` in its extra
    a file of authorities.

    Raises:
        AirflowFailException: what happened within can't be mended by trying again.
    """
    connection = Connection.get(CONNECTION)
    verify = connection.extra_dejson.get("ca_file", True)
    with Client(_address(connection), connection.password, timeout=REQUEST_SECONDS, verify=verify) as client:
        try:
            yield client
        except NOT_MENDED_BY_TIME as error:
            raise AirflowFailException(str(error)) from error


def setting(name: str) -> dict[str, Any]:
    """Airflow's variable of that name, which is JSON; {} if there is none."""
    try:
        told: dict[str, Any] = Variable.get(name, deserialize_json=True)
    except AirflowRuntimeError:
        return {}
    return told


def this_run() -> str:
    """What names the run of the DAG, for idempotency keys: a task that is tried again is of the same one."""
    context = get_current_context()
    return f"{context['dag'].dag_id}/{context['run_id']}"


def _address(connection: Any) -> str:
    if "://" in connection.host:
        return str(connection.host)
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.schema or 'https'}://{connection.host}{port}"
