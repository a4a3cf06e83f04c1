"""The one place where limits are asked: at the edge, when a request's head is there, before any door.

Which work an address stands for is its kind in the table of `ragsite.gateway.routes`. What turns out to be less or more is put
right when the answer is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections

from ragsite.core.limits import Work
from ragsite.gateway.callers import refused_as
from ragsite.gateway.database_errors import database_error
from ragsite.gateway.idempotency import REPLAYED
from ragsite.gateway.limits.account import Account, account_used
from ragsite.gateway.limits.buckets import Party
from ragsite.gateway.limits.keeper import Keeper
from ragsite.gateway.limits.limiter import Limiter
from ragsite.gateway.limits.parties import Parties, Whereabouts
from ragsite.gateway.routes import Kind, Route
from ragsite.gateway.threads import LIMITS
from ragsite.gateway.visits import HEALTH, Caller, Receive, Scope, Send

T = TypeVar("T")
NOT_COUNTED = (*HEALTH, "/metrics", "/static/", "/favicon.ico")
"""What browsers and watchers ask for by themselves."""

_ACCOUNT = "ragsite.account"


class Gate:
    """Takes what requests cost, of one process."""

    def __init__(self) -> None:
        self._parties = Parties()
        self._limiter = Limiter()
        self._keeper = Keeper(self._limiter)

    @asynccontextmanager
    async def passed(self, route: Route, caller: Caller, scope: Scope, length: int) -> AsyncIterator[Passage]:
        """Within the block the request is under way, paid for.

        Raises:
            LimitReachedError: a limit of the caller's is reached.
            RequestRefusedError: it can't be found out now.
        """
        parties = await self._parties_of(route, caller, scope)
        account = Account(self._limiter, parties)
        if parties:
            self._keeper.begin()
            costs, least = costs_of(route, caller, length)
            await on_limits_thread(account.take, costs, least=least)
        scope[_ACCOUNT] = account
        passage = Passage(account, costs_of(route, caller, length)[0] if parties else {})
        try:
            with account_used(account):
                yield passage
        finally:
            await passage.end()

    async def _parties_of(self, route: Route, caller: Caller, scope: Scope) -> tuple[Party, ...]:
        path: str = scope["path"]
        if path.startswith(NOT_COUNTED):
            return ()
        try:
            return await self._parties.of(caller, whereabouts_of(route, path))
        except (OperationalError, InterfaceError) as error:
            raise refused_as(database_error(error)) from error


class Passage:
    """A request under way: what comes in and goes out is looked at, for what it cost in the end."""

    def __init__(self, account: Account, costs: Mapping[Work, int]) -> None:
        self._account, self._costs = account, costs
        self._arrived = 0
        self._is_refused = False

    def receiving(self, receive: Receive) -> Receive:
        """The same, its bytes counted."""
        if Work.UPLOAD_BYTES not in self._costs:
            return receive

        async def counted() -> Mapping[str, Any]:
            message = await receive()
            self._arrived += len(message.get("body", b""))
            return message

        return counted

    def sending(self, send: Send) -> Send:
        """The same, with the headers that tell of limits."""
        if not self._costs:
            return send

        async def told(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = self._begun(message)
            await send(message)

        return told

    async def end(self) -> None:
        """Put right what was taken."""
        corrections = {work: by for work, by in self._corrections().items() if by}
        if corrections:
            await on_limits_thread(_correct, self._account, corrections)

    def _begun(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        names = {name.lower() for name, _ in message["headers"]}
        self._is_refused = message["status"] >= 400 or REPLAYED.lower().encode() in names
        added = [(name.lower().encode(), value.encode()) for name, value in self._account.headers.items()]
        return {**message, "headers": [*message["headers"], *added]}

    def _corrections(self) -> dict[Work, int]:
        """An answer that was refused, or given before, costs none; of uploads what arrived counts, whatever came of it."""
        found = {}
        if Work.ANSWERS in self._costs and self._is_refused:
            found[Work.ANSWERS] = -self._costs[Work.ANSWERS]
        if Work.UPLOAD_BYTES in self._costs:
            found[Work.UPLOAD_BYTES] = self._arrived - self._costs[Work.UPLOAD_BYTES]
        return found


def costs_of(route: Route, caller: Caller, length: int) -> tuple[Mapping[Work, int], Mapping[Work, int]]:
    """What a request takes, as far as its head tells, and what must be left besides.

    A body whose length nobody says may be as long as the address takes, and counts so until it is there.
    """
    if not caller.is_known:
        return {Work.REQUESTS: 1}, {}
    if route.kind is Kind.UPLOAD:
        return {Work.REQUESTS: 1, Work.UPLOAD_BYTES: length if length >= 0 else route.body_bytes}, {}
    return costs_of_kind(route.kind)


def costs_of_kind(kind: Kind) -> tuple[Mapping[Work, int], Mapping[Work, int]]:
    """As `costs_of`, of work that the address does not tell."""
    if kind is Kind.ANSWER:
        return {Work.ANSWERS: 1, Work.TOKENS: 0}, {Work.TOKENS: 1}
    return {Work.SEARCHES if kind is Kind.SEARCH else Work.REQUESTS: 1}, {}


async def work_pay(scope: Scope, kind: Kind) -> None:
    """Take what work costs that is asked for in the body, as tools are; other requests have paid at the gate.

    Raises:
        LimitReachedError, RequestRefusedError: as `Gate.passed`.
    """
    account: Account | None = scope.get(_ACCOUNT)
    if account is not None and kind is not Kind.OTHER:
        costs, least = costs_of_kind(kind)
        await on_limits_thread(account.take, costs, least=least)


async def work_give_back(scope: Scope, kind: Kind) -> None:
    """No answer came of work that was paid."""
    account: Account | None = scope.get(_ACCOUNT)
    if account is not None and kind is Kind.ANSWER:
        await on_limits_thread(account.correct, Work.ANSWERS, -1)


def whereabouts_of(route: Route, path: str) -> Whereabouts | None:
    """The row that an address names, by which its tenant is known."""
    pk = route.named(path) if route.owner else ""
    if not pk:
        return None
    model, field = route.owner.rsplit(".", 1)
    return Whereabouts(model, field, pk)


async def on_limits_thread(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """What the function gives, run beside the event loop: Redis may keep it waiting for a moment."""
    context = copy_context()
    work = lambda: context.run(_connected, function, *args, **kwargs)  # noqa: E731
    return await asyncio.get_running_loop().run_in_executor(LIMITS, work)


def _connected(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()


def _correct(account: Account, corrections: Mapping[Work, int]) -> None:
    for work, by in corrections.items():
        account.correct(work, by)
