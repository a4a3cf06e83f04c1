"""What was deleted goes: deletions that stopped go on, indexes that are kept too long are dropped, and purges run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from ragsite_client import Client, ConflictError, NotFoundError

from ragsite_batch.asking import NeedsPeopleError, once


@dataclass(frozen=True, slots=True)
class Asked:
    """A purge that was asked for, and when, by ragsite's clock."""

    name: str
    at: str

    def told(self) -> dict[str, str]:
        """As one task tells the next."""
        return asdict(self)


def deletions_resume(client: Client, *, run: str) -> list[str]:
    """Let deletions of knowledge bases that stopped go on; their ids. It takes `write` or `work:manage`."""
    stopped = [one["id"] for one in client.rows("/knowledge-base-deletions/", state="failed")]
    return [one for one in stopped if _resumed(client, one, run)]


def generations_drop(client: Client, *, days: int, now: datetime) -> list[str]:
    """Drop indexes that have not answered for so many days; they can't be rolled back to then. It takes `read` and `write`."""
    before = now - timedelta(days=days)
    return [path for path in _retired(client, before) if _dropped(client, path)]


def purges_ask(client: Client, *, run: str) -> list[Asked]:
    """Have all purges run now. It takes `work:manage`."""
    names = [one["name"] for one in client.call("GET", "/purges/")["purges"]]
    asked = [
        client.call("POST", f"/purges/{name}/run/", idempotency_key=once(run, "purge", name)) for name in names
    ]  # fmt: skip
    return [Asked(one["name"], one["as_of"]) for one in asked]


def purges_have_run(client: Client, asked: Iterable[Asked]) -> bool:
    """Whether each has ended well since.

    Raises:
        NeedsPeopleError: one fails; the admin says why, under "Jobs".
    """
    now = {one["name"]: one for one in client.call("GET", "/purges/")["purges"]}
    waiting = [one for one in asked if not _has_run(now[one.name]["finished_at"], one)]
    if failing := [one.name for one in waiting if now[one.name]["is_failing"]]:
        raise NeedsPeopleError(f"These purges fail: {', '.join(failing)}. The admin says why, under Jobs.")
    return not waiting


def _has_run(finished_at: str | None, asked: Asked) -> bool:
    return finished_at is not None and datetime.fromisoformat(finished_at) > datetime.fromisoformat(asked.at)


def _resumed(client: Client, deletion: str, run: str) -> bool:
    path = f"/knowledge-base-deletions/{deletion}/resume/"
    try:
        client.call("POST", path, idempotency_key=once(run, "resume", deletion))
    except ConflictError:
        return False
    return True


def _retired(client: Client, before: datetime) -> Iterator[str]:
    for base in client.knowledge_bases():
        path = f"/knowledge-bases/{base.id}/generations/"
        for one in list(client.rows(path)):
            if one["state"] == "retired" and datetime.fromisoformat(one["retired_at"]) < before:
                yield f"{path}{one['id']}/"


def _dropped(client: Client, path: str) -> bool:
    try:
        client.call("DELETE", path)
    except (ConflictError, NotFoundError):
        return False
    return True
