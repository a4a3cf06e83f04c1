"""Each night: a run of every evaluation set, compared with the one before.

The variable `ragsite_evaluation` may have `sets` (ids), `mode`, `rerank`, `k`, `depth`, and what counts as a fall: `margin` of
nDCG and `level` of p. It fails, and so tells people, where a run failed or the quality fell.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task
from ragsite_batch.door import OF_EACH_DAG, ragsite, setting, this_run
from ragsite_batch.evaluating import (
    Begun,
    Outcome,
    Wanted,
    outcomes_raise,
    runs_begin,
    runs_compare,
    runs_have_ended,
)

HOURS = 6


@dag(dag_id="ragsite_evaluation", schedule="30 3 * * *", doc_md=__doc__, **OF_EACH_DAG)
def evaluation() -> None:
    @task
    def begin() -> list[dict[str, str]]:
        with ragsite() as client:
            return [one.told() for one in runs_begin(client, _wanted(), run=this_run())]

    @task.sensor(poke_interval=30, timeout=HOURS * 3600, mode="reschedule")
    def wait(begun: list[dict[str, str]]) -> bool:
        with ragsite() as client:
            return runs_have_ended(client, [Begun(**one) for one in begun])

    @task
    def compare(begun: list[dict[str, str]]) -> list[dict[str, Any]]:
        with ragsite() as client:
            return [one.told() for one in runs_compare(client, [Begun(**one) for one in begun], _wanted())]

    @task
    def tell(outcomes: list[dict[str, Any]]) -> None:
        with ragsite():
            outcomes_raise(Outcome(**one) for one in outcomes)

    begun: Any = begin()
    compared: Any = compare(begun)
    wait(begun) >> compared
    tell(compared)


def _wanted() -> Wanted:
    return Wanted.of(setting("ragsite_evaluation"))


evaluation()
