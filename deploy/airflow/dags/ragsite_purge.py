"""Each week: deletions that stopped go on, and all purges run, so that what was deleted is gone.

The variable `ragsite_purge` may be `{"drop_indexes_after_days": 30}`: indexes that have not answered for so long are dropped.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, task
from ragsite_batch.door import OF_EACH_DAG, ragsite, setting, this_run
from ragsite_batch.purging import Asked, deletions_resume, generations_drop, purges_ask, purges_have_run

HOURS = 6


@dag(dag_id="ragsite_purge", schedule="0 5 * * 0", doc_md=__doc__, **OF_EACH_DAG)
def purge() -> None:
    @task
    def resume() -> list[str]:
        with ragsite() as client:
            return deletions_resume(client, run=this_run())

    @task
    def drop() -> list[str]:
        days = setting("ragsite_purge").get("drop_indexes_after_days")
        if days is None:
            return []
        with ragsite() as client:
            return generations_drop(client, days=int(days), now=datetime.now(UTC))

    @task
    def ask() -> list[dict[str, str]]:
        with ragsite() as client:
            return [one.told() for one in purges_ask(client, run=this_run())]

    @task.sensor(poke_interval=10, timeout=HOURS * 3600, mode="reschedule")
    def wait(asked: list[dict[str, str]]) -> bool:
        with ragsite() as client:
            return purges_have_run(client, [Asked(**one) for one in asked])

    asked: Any = ask()
    [resume(), drop()] >> asked
    wait(asked)


purge()
