"""What goes wrong, and who can do something about it."""

from __future__ import annotations

from collections.abc import Mapping

from ragsite_client.types import Problem, Version


class RagsiteError(Exception):
    """All errors of this package. The operator finds the request in the logs by its `request_id`, which may be empty."""

    def __init__(self, message: str, *, request_id: str = "") -> None:
        super().__init__(message)
        self.request_id = request_id


class ProblemError(RagsiteError):
    """ragsite refused a request or failed at it, and says why; `retry_after` is in seconds, where it makes sense to try again.

    What programs tell apart most has a class of its own below; all else they tell apart by `code`.
    """

    def __init__(self, problem: Problem, *, retry_after: float | None = None) -> None:
        super().__init__(f"{problem.code} ({problem.status}): {problem.detail}", request_id=problem.request_id)
        self.problem = problem
        self.retry_after = retry_after

    @property
    def code(self) -> str:
        """Stable; programs decide by it."""
        return self.problem.code

    @property
    def status(self) -> int:
        """Of HTTP."""
        return self.problem.status

    @property
    def detail(self) -> str:
        """What is wrong, and what to do about it, for people."""
        return self.problem.detail


class NotAuthenticatedError(ProblemError):
    """401: the key or token is unknown, expired or revoked."""


class PermissionDeniedError(ProblemError):
    """403: the key may not do this."""


class NotFoundError(ProblemError):
    """404: it is not there, or not for this key."""


class ConflictError(ProblemError):
    """409: what is there already, or under way, stands against it."""


class ChangedMeanwhileError(ProblemError):
    """412: it has changed since the `etag` was read, and nothing was done. Read it again."""


class InvalidInputError(ProblemError):
    """422: `problem.errors` says which field is wrong, where it is one."""


class LimitReachedError(ProblemError):
    """429: too many at once, or a limit of the key or its tenant is reached; `retry_after` says until when."""


class ServerFailedError(ProblemError):
    """500 and above: ragsite, or what it needs, does not work right now."""


BY_STATUS: Mapping[int, type[ProblemError]] = {
    401: NotAuthenticatedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    412: ChangedMeanwhileError,
    422: InvalidInputError,
    429: LimitReachedError,
}


def problem_error(problem: Problem, *, retry_after: float | None = None) -> ProblemError:
    """The problem as the error of its status."""
    kind = BY_STATUS.get(problem.status, ServerFailedError if problem.status >= 500 else ProblemError)
    return kind(problem, retry_after=retry_after)


class ConnectionFailedError(RagsiteError):
    """No answer came, or not all of it."""


class UnexpectedReplyError(RagsiteError):
    """What came is not what ragsite says: another server, or a version that this client does not know."""


class DocumentFailedError(RagsiteError):
    """A version will not become ready; `version.error` says why."""

    def __init__(self, version: Version) -> None:
        super().__init__(f"{version.filename or version.id} ended as {version.status}: {version.error}")
        self.version = version


class WaitedTooLongError(RagsiteError):
    """Documents were still being worked on when the time to wait was over. The work goes on."""
