from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from apps.monitoring.analytics.asking import ADDRESS, AskingStore
from apps.monitoring.analytics.owner import SharedStore, engine_owned
from apps.monitoring.analytics.store import AnalyticsStore, AnalyticsUnavailableError
from ragsite.stack.local import PROJECT_DIR
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers]

BATCHES, SIZE, KILLS = 9, 200, 2

FILL = f"""
import json
import sys
from pathlib import Path
from uuid import UUID
import django
django.setup()
from apps.monitoring.analytics.keeping import told_keep
from apps.monitoring.analytics.owner import engine_owned
from apps.monitoring.analytics.schema.migrating import schema_migrate
from tests.apps.monitoring.analytics.happening import asked, span
folder, noted = Path(sys.argv[1]), Path(sys.argv[2])
tenant, base = UUID(int=1), UUID(int=2)
with engine_owned(folder) as store:
    schema_migrate(store, days=400)
    for batch in range(int(noted.read_text()), {BATCHES}):
        ids = range(batch * {SIZE} + 1, (batch + 1) * {SIZE} + 1)
        told = [one for number in ids for one in asked(tenant, base, span(base, UUID(int=7)), query=UUID(int=number))]
        told_keep(store, told)
        noted.write_text(str(batch + 1))
    (counted,) = store.rows(
        "SELECT (SELECT count() FROM queries FINAL) AS queries, (SELECT count() FROM generations FINAL) AS generations, "
        "(SELECT count() FROM citations FINAL) AS citations, (SELECT count() FROM query_steps FINAL) AS steps, "
        "(SELECT uniqExactMerge(queries) FROM passages_cited) AS cited", {{}})
    print(json.dumps(counted))
"""  # noqa: S608 - a constant


def test_only_who_has_the_token_is_answered_and_nobody_else_on_the_machine_may_read_it(
    store: AnalyticsStore, engine_folder: Path
) -> None:
    address = engine_folder / "analytics" / ADDRESS
    assert address.stat().st_mode & 0o777 == 0o600
    url = f"http://127.0.0.1:{json.loads(address.read_text())['port']}/"
    asked = {"what": "rows", "sql": "SELECT 1", "parameters": {}}
    for shown in ({}, {"Authorization": "Bearer x"}):
        assert httpx.post(url, json=asked, headers=shown).status_code == httpx.codes.UNAUTHORIZED
    assert store.rows("SELECT 1 AS one", {}) == [{"one": 1}]


def test_what_a_query_is_given_is_bound_and_never_part_of_it(store: AnalyticsStore) -> None:
    said = "'; DROP TABLE queries; --"
    assert store.rows("SELECT {said:String} AS said", {"said": said}) == [{"said": said}]
    assert store.rows("SELECT count() > -1 AS there FROM queries", {})[0]["there"]


def test_a_second_process_asks_the_one_that_owns_the_engine(store: AnalyticsStore, engine_folder: Path) -> None:
    shared = SharedStore(engine_folder / "analytics")
    assert not shared.owns
    assert shared.rows("SELECT 2 AS two", {}) == [{"two": 2}]
    with pytest.raises(AnalyticsUnavailableError, match="owns"), engine_owned(engine_folder / "analytics"):
        pass
    shared.close()


def test_without_an_owner_reports_say_so(tmp_path: Path) -> None:
    with pytest.raises(AnalyticsUnavailableError, match="No process owns the engine"):
        AskingStore(tmp_path).rows("SELECT 1", {})


def test_killed_in_the_middle_of_inserts_all_counts_are_equal(tmp_path: Path) -> None:
    noted, folder = tmp_path / "noted", tmp_path / "analytics"
    noted.write_text("0")
    for kill in range(KILLS):
        with filling(folder, noted) as process:
            at = (kill + 1) * BATCHES // (KILLS + 1)
            wait_for(lambda at=at: int(noted.read_text() or 0) >= at, seconds=120, what="batches", every=0.003)
            process.kill()
    with filling(folder, noted) as process:
        told, _ = process.communicate(timeout=120)
    every = BATCHES * SIZE
    assert json.loads(told) == {
        "queries": every, "generations": every, "citations": every, "steps": 2 * every, "cited": every,
    }  # fmt: skip


def filling(folder: Path, noted: Path) -> subprocess.Popen[bytes]:
    given = {**os.environ, "DJANGO_SETTINGS_MODULE": "ragsite.settings", "PYTHONPATH": str(PROJECT_DIR)}
    command = [sys.executable, "-c", FILL, str(folder), str(noted)]
    return subprocess.Popen(command, cwd=PROJECT_DIR, env=given, stdout=subprocess.PIPE)
