"""What drivers raise when a server is down or not ready, as errors that people are told."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError, ProgrammingError
from kombu.exceptions import OperationalError as BrokerError
from psycopg.errors import UndefinedColumn, UndefinedTable
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ragsite.core.errors import RagError, ServiceUnavailableError


def told_error(error: BaseException) -> RagError | None:
    """The error in words for people; None where it is a fault of the program, whose traceback is worth reading."""
    match error:
        case RagError():
            return error
        case OperationalError() | InterfaceError():
            return _unreachable("The database", error, "DATABASE_URL")
        case RedisConnectionError() | RedisTimeoutError() | BrokerError():
            return _unreachable("Redis", error, "REDIS_URL")
        case ProgrammingError() if isinstance(error.__cause__, (UndefinedTable, UndefinedColumn)):
            return ServiceUnavailableError(
                "The database has no tables yet, or those of an older version.",
                action="Start the system once with `manage.py up`, or run `manage.py migrate`; then try again.",
            )
    return None


def _unreachable(what: str, error: BaseException, setting: str) -> ServiceUnavailableError:
    return ServiceUnavailableError(
        f"{what} does not answer: {' '.join(str(error).split()).rstrip('.')}.",
        action=f"Check that it runs and that {setting} is right, then try again.",
    )
