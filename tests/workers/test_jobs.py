from __future__ import annotations

import inspect
from itertools import pairwise

import pytest
from django.utils.module_loading import import_string

from apps.documents.lifecycle.stages import STAGE_FROM
from ragsite.core.leases import Leased
from workers.jobs import JOBS, STAGES, Job, job_named
from workers.queues import POOLS, Pool, Queue

ALL = pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)


def test_the_stages_lead_from_uploaded_to_ready_without_a_gap() -> None:
    rows = [stage.rows for stage in STAGES]
    assert {one.before.value: stage.name for one, stage in zip(rows, STAGES, strict=True)} == STAGE_FROM
    assert all(earlier.after is later.before for earlier, later in pairwise(rows))
    assert rows[-1].after == "ready"


@ALL
def test_every_job_names_work_that_takes_what_it_is_given(job: Job) -> None:
    given = inspect.signature(import_string(job.work)).parameters.values()
    needed = [one for one in given if one.default is inspect.Parameter.empty]
    assert len(needed) == (2 if job.rows else 1)
    assert job_named(job.name) is job


@ALL
def test_a_job_has_rows_or_runs_by_the_clock(job: Job) -> None:
    assert (job.rows is None) == (job.every is not None)


@ALL
def test_a_job_has_a_hard_limit_where_a_pool_can_keep_one(job: Job) -> None:
    if POOLS[job.queue] is Pool.THREADS:
        assert (job.soft, job.hard) == (None, None)
    else:
        assert job.seconds < job.soft < job.hard


@ALL
def test_a_job_that_runs_by_the_clock_has_its_row_by_its_name(job: Job) -> None:
    assert len(job.name) <= 40
    assert job.claimed.what.endswith(job.name if job.rows is None else job.claimed.what)


@ALL
def test_the_rows_of_a_job_can_be_held_say_what_went_wrong_and_are_taken_up_in_an_order(job: Job) -> None:
    rows = job.claimed
    assert issubclass(rows.model, Leased)
    assert rows.model._meta.get_field("error")
    assert rows.open().model is rows.model
    assert rows.open().ordered


@ALL
def test_the_rows_of_a_job_have_an_index_of_those_that_are_open(job: Job) -> None:
    indexes = job.claimed.model._meta.indexes
    assert job.rows is None or any(index.condition is not None for index in indexes)


def test_hostile_files_are_parsed_where_a_hard_limit_holds_and_models_run_in_threads() -> None:
    assert POOLS[Queue.PARSING] is Pool.PREFORK
    assert {POOLS[queue] for queue in (Queue.EMBEDDING, Queue.RETRIEVAL, Queue.GENERATION)} == {Pool.THREADS}
    assert set(POOLS) == set(Queue)
