"""HTTP: requests that are repeated where that does no harm, and replies that are no success as errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from ragsite_client.errors import ConnectionFailedError, ProblemError, UnexpectedReplyError
from ragsite_client.reading import made
from ragsite_client.types import Problem

ADDRESS = "/api/v1"
LONGEST_WAIT_SECONDS = 30.0
FIRST_WAIT_SECONDS = 0.25
CHANGED_NOTHING = frozenset({429, 503})
"""Of these replies with a `Retry-After` the server says: send it again."""

NEVER_ARRIVED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Of a request that failed like this the server knows nothing, so that any may be sent again."""

STILL_RUNNING = "idempotency_conflict"
HEARTBEATS_SECONDS = 45.0
"""A stream says something each 15 s; one that is silent for so long is broken."""


class Line:
    """Sends requests with one API key, or with what `auth` has in its place; may be used by several threads."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float,
        retries: int,
        transport: httpx.BaseTransport | None,
        auth: httpx.Auth | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"The address {url!r} does not begin with http:// or https://.")
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}{ADDRESS}",
            # Read from a file, a key has a line break; httpx would quote all of it in its complaint.
            headers={} if auth else {"Authorization": f"Bearer {key.strip()}"},
            auth=auth,
            timeout=timeout,
            transport=transport,
        )
        self.retries = retries

    def close(self) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        """What is there, as JSON."""
        return self.send(lambda: self._http.build_request("GET", path), repeatable=True)

    def put(self, method: str, path: str, body: Mapping[str, Any], *, key: str = "") -> Any:
        """Send a body as JSON; with an idempotency key it takes effect once, however often it is sent."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.send(
            lambda: self._http.build_request(method, path, json=body, headers=headers), repeatable=bool(key)
        )

    def delete(self, path: str) -> None:
        """Take away what is there; not sent twice, as it could be gone by the first."""
        self.send(lambda: self._http.build_request("DELETE", path), repeatable=False)

    def form(self, path: str, fields: Mapping[str, str], files: Callable[[], Any], *, key: str) -> Any:
        """Send a form; `files` gives them anew each time it is sent."""
        headers = {"Idempotency-Key": key}
        return self.send(
            lambda: self._http.build_request("POST", path, data=fields, files=files(), headers=headers), repeatable=True
        )

    def send(self, build: Callable[[], httpx.Request], *, repeatable: bool) -> Any:
        """The reply's JSON; None if it has none.

        Raises:
            ConnectionFailedError: no reply came. One that is `repeatable` was tried again.
            ProblemError: the reply says why it can't be done.
        """
        try:
            reply = self._reply(build, repeatable=repeatable)
        except httpx.TransportError as error:
            raise ConnectionFailedError(f"No answer from {self._http.base_url}: {error!r}") from error
        return _json(reply) if reply.content else None

    @contextmanager
    def stream(self, method: str, path: str, **request: Any) -> Iterator[Iterator[str]]:
        """The lines of a stream of events.

        Raises:
            httpx.TransportError: the line broke.
            ProblemError: there is no stream.
        """
        timeout = httpx.Timeout(self._http.timeout.connect, read=HEARTBEATS_SECONDS)

        def build() -> httpx.Request:
            return self._http.build_request(method, path, timeout=timeout, **request)

        with closing(self._reply(build, repeatable=False, stream=True)) as reply:
            yield reply.iter_lines()

    def _reply(self, build: Callable[[], httpx.Request], *, repeatable: bool, stream: bool = False) -> httpx.Response:
        attempts = Attempts(self.retries)
        while True:
            try:
                return checked(self._http.send(build(), stream=stream))
            except httpx.TransportError as error:
                if not (repeatable or isinstance(error, NEVER_ARRIVED)) or not attempts.again():
                    raise
            except ProblemError as error:
                if not is_to_be_repeated(error) or not attempts.again(error.retry_after):
                    raise


class Attempts:
    """How often something is tried again, with a longer wait each time."""

    def __init__(self, most: int) -> None:
        self._most, self._made = most, 0

    def again(self, wait: float | None = None) -> bool:
        """Wait, and say whether to try again."""
        wait = FIRST_WAIT_SECONDS * 2**self._made if wait is None else wait
        if self._made >= self._most or wait > LONGEST_WAIT_SECONDS:
            return False
        self._made += 1
        time.sleep(wait)
        return True

    def reset(self) -> None:
        """It went on: what follows is counted anew."""
        self._made = 0


def is_to_be_repeated(error: ProblemError) -> bool:
    """Whether the server did nothing, and asks to send the request again later."""
    return error.retry_after is not None and (error.status in CHANGED_NOTHING or error.code == STILL_RUNNING)


def checked(reply: httpx.Response) -> httpx.Response:
    """A reply that is a success. Raises ProblemError, UnexpectedReplyError: it is none."""
    if reply.is_success:
        return reply
    with closing(reply):
        reply.read()
    if reply.has_redirect_location:
        address = reply.headers["Location"]
        raise UnexpectedReplyError(f"{reply.request.url} leads to {address}. Give the client the address it leads to.")
    raise ProblemError(_problem(reply), retry_after=_seconds(reply.headers.get("Retry-After", "")))


def _seconds(told: str) -> float | None:
    """A `Retry-After` in seconds from now; a proxy may say a date."""
    if told.isdecimal():
        return float(told)
    try:
        at = parsedate_to_datetime(told)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _problem(reply: httpx.Response) -> Problem:
    """As ragsite says it; of a proxy in between there is only the status."""
    try:
        return made(Problem, reply.json())
    except (ValueError, UnexpectedReplyError):
        return Problem(reply.status_code, f"http_{reply.status_code}", reply.text[:200], reply.reason_phrase)


def _json(reply: httpx.Response) -> Any:
    try:
        return reply.json()
    except ValueError as error:
        raise UnexpectedReplyError(f"{reply.request.url} answered no JSON.") from error
