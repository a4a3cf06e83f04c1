"""What goes wrong, and who can do something about it."""

from __future__ import annotations

from ragsite_client.types import Problem, Version


class RagsiteError(Exception):
    """All errors of this package."""


class ProblemError(RagsiteError):
    """ragsite refused a request or failed at it, and says why; `retry_after` is in seconds, where it makes sense to try again."""

    def __init__(self, problem: Problem, *, retry_after: float | None = None) -> None:
        super().__init__(f"{problem.code} ({problem.status}): {problem.detail}")
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
