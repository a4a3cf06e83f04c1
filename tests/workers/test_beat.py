from __future__ import annotations

import pytest

from workers.beat import RETRY_SECONDS, LeaderScheduler, schedule
from workers.celery import app
from workers.jobs import JOBS

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]


def scheduler() -> LeaderScheduler:
    return LeaderScheduler(app=app, lazy=True)


def test_of_two_beats_one_leads_and_the_other_takes_over_when_it_is_gone() -> None:
    first, second = scheduler(), scheduler()
    assert first._leads()
    assert not second._leads()
    assert second.tick() == RETRY_SECONDS
    first.close()
    assert second._leads()
    second.close()


def test_beat_rings_for_every_job_that_runs_by_the_clock_with_its_limits() -> None:
    queues = {queue.name for queue in app.conf.task_queues}
    beat = scheduler()
    beat.setup_schedule()
    entries = beat.schedule
    clocked = {job.name: job for job in JOBS if job.rows is None}
    assert clocked
    assert {name: entry.task for name, entry in entries.items()} == {name: job.task for name, job in clocked.items()}
    for name, entry in entries.items():
        assert (entry.options["soft_time_limit"], entry.options["time_limit"]) == (
            clocked[name].soft,
            clocked[name].hard,
        )
    app.loader.import_default_modules()
    for entry in schedule().values():
        assert entry["task"] in app.tasks
        assert entry["options"]["queue"] in queues
        assert entry["options"]["expires"]
