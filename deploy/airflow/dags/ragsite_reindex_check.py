"""Each night: whether each knowledge base's index is as it should be.

The variable `ragsite_reindex_check` may be `{"resume": true}`: re-indexes that failed are let go on then.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task
from ragsite_batch.door import OF_EACH_DAG, ragsite, setting, this_run
from ragsite_batch.reindexing import Finding, findings_raise, indexes_check, reindexes_resume


@dag(dag_id="ragsite_reindex_check", schedule="15 2 * * *", doc_md=__doc__, **OF_EACH_DAG)
def reindex_check() -> None:
    @task
    def check() -> list[dict[str, str]]:
        with ragsite() as client:
            return [one.told() for one in indexes_check(client)]

    @task
    def resume(found: list[dict[str, str]]) -> list[str]:
        if not setting("ragsite_reindex_check").get("resume", False):
            return []
        with ragsite() as client:
            return reindexes_resume(client, [Finding(**one) for one in found], run=this_run())

    @task
    def tell(found: list[dict[str, str]], resumed: list[str]) -> None:
        with ragsite():
            findings_raise([Finding(**one) for one in found], resumed=resumed)

    found: Any = check()
    tell(found, resume(found))


reindex_check()
