"""Never lost, never twice: a load of documents through the real system while its workers die and Redis forgets."""

from __future__ import annotations

import os
import random
import secrets
from pathlib import Path

import pytest
from ragsite_client import Client

from ragsite.stack.system import System
from tests.flows import checks
from tests.flows.chaos import await_all_up, killing, lose_redis
from tests.flows.checks import Database
from tests.flows.texts import write_mixed_documents
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

DOCUMENTS = 300
EVENTS = ("document.created", "vector.indexed")
KILLS = 20
KILL_SECONDS = 2.0
"""Two cores start the killed ones again hardly sooner, so without an end to it no work would be done."""


@pytest.mark.timeout(420)
def test_no_document_is_lost_and_none_is_indexed_twice_while_workers_are_killed_and_redis_is_emptied(
    running: System, client: Client, database: Database, tmp_path: Path
) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(10**6))
    base = client.create_knowledge_base("Chaos", chunking={"size": 32, "overlap": 4}).id
    print(f"CHAOS_SEED={seed} makes the same documents and the same choices")  # noqa: T201
    files = write_mixed_documents(tmp_path, count=DOCUMENTS, seed=seed)

    with killing(running, random.Random(seed), every=KILL_SECONDS, times=KILLS) as deaths:
        _upload(client, base, files[: DOCUMENTS // 2])
        lose_redis(running)
        _upload(client, base, files[DOCUMENTS // 2 :])
        wait_for(lambda: checks.statuses(database, base).get("ready"), seconds=200, what="the first document ready")
        lose_redis(running)
    checks.await_statuses(database, base, {"ready": DOCUMENTS}, seconds=200)
    starts = checks.most_attempts(database, base)
    print(f"deaths {dict(deaths)}; the most starts of a stage {starts}")  # noqa: T201

    assert deaths.total() == KILLS
    assert max(starts.values()) <= 3
    assert checks.assert_chunked_as_if_undisturbed(database, base) > 2 * DOCUMENTS
    checks.assert_no_chunk_twice(database, base)
    checks.assert_spans_stand(database, base)
    events = checks.events_of(database, base)
    assert {kind: len(ids) for kind, ids in events.items()} == dict.fromkeys(EVENTS, DOCUMENTS)
    await_all_up(running, seconds=60)
    checks.assert_published(running, database)


def _upload(client: Client, base: str, files: list[Path]) -> None:
    for path in files:
        client.upload(base, path)
