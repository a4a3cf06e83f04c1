"""By hand, as after a loss of ClickHouse's data: reports are filled in from PostgreSQL. What is there already counts once."""

from __future__ import annotations

from airflow.sdk import dag, task
from ragsite_batch.door import OF_EACH_DAG, ragsite, this_run
from ragsite_batch.filling import filling_begin, filling_has_ended

HOURS = 24


@dag(dag_id="ragsite_backfill", schedule=None, doc_md=__doc__, **OF_EACH_DAG)
def backfill() -> None:
    @task
    def begin() -> None:
        with ragsite() as client:
            filling_begin(client, run=this_run())

    @task.sensor(poke_interval=60, timeout=HOURS * 3600, mode="reschedule")
    def wait() -> bool:
        with ragsite() as client:
            return filling_has_ended(client)

    begin() >> wait()


backfill()
