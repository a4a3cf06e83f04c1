from __future__ import annotations

import pytest

from workers.beat import RETRY_SECONDS, LeaderScheduler
from workers.celery import app

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


def test_the_schedule_rings_the_sweep_the_lexical_index_and_the_purges_on_queues_that_exist() -> None:
    queues = {queue.name for queue in app.conf.task_queues}
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} == {
        "workers.tasks.sweep",
        "workers.tasks.lexical_merge",
        "workers.tasks.lexical_repair",
        "workers.tasks.purge",
        "workers.tasks.events_purge",
    }
    app.loader.import_default_modules()
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert entry["options"]["queue"] in queues
        assert entry["options"]["expires"]
