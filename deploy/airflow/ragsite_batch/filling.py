"""Reports that are filled in from the record, as after a loss of ClickHouse's data."""

from __future__ import annotations

from ragsite_client import Client

from ragsite_batch.asking import once

PATH = "/analytics/filling/"


def filling_begin(client: Client, *, run: str) -> None:
    """Ask for it; one that is under way goes on. It takes `work:manage`, for all knowledge bases of the tenant."""
    client.call("POST", PATH, idempotency_key=once(run, "fill"))


def filling_has_ended(client: Client) -> bool:
    """Whether all is told. While ClickHouse is away it has not, and goes on by itself."""
    return not client.call("GET", PATH)["is_under_way"]
