"""What waits, what runs and who works stands on one page, and what nobody may read is not named on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.documents.models import DocumentVersion
from apps.models.models import ModelCache
from ragsite.core.models import WorkerPresence
from ragsite.core.presence import presence_tell
from ragsite.gateway.models import Role
from tests import factories as make
from workers.board import queues_on_board
from workers.jobs import JOBS, STAGES
from workers.queues import Queue

pytestmark = pytest.mark.django_db
PAGE = "/admin/workers/"
EVERYTHING = [job.name for job in JOBS]


def queue(client: Client, name: str) -> Any:
    return next(one for one in client.get(PAGE).context["work"].queues if one.name == name)


def test_the_board_has_every_queue_and_every_job_once() -> None:
    board = queues_on_board()
    assert [one.name for one in board] == [one.value for one in Queue]
    assert sorted(job.name for one in board for job in one.jobs) == sorted(job.name for job in JOBS)


def test_what_waits_is_told_with_its_age_and_a_queue_without_a_worker_with_the_command_that_starts_one(
    admin_client: Client,
) -> None:
    make.upload(make.knowledge_base())
    DocumentVersion.objects.update(not_before=Now() - timedelta(hours=2))
    presence_tell(worker="general@here", jobs=["chunk"])
    parsing = queue(admin_client, "parsing")
    assert (parsing.waiting.number, parsing.workers, parsing.is_missing) == (1, 0, True)
    text = admin_client.get(PAGE).content.decode()
    assert "New documents wait, and nobody reads them." in text
    assert "celery -A workers.celery worker -n parsing@%h -Q parsing --pool prefork" in text
    assert "2\xa0hours ago" in text
    assert not queue(admin_client, "chunking").is_missing
    assert not queue(admin_client, "generation").is_missing


def test_a_worker_is_told_with_the_models_it_holds_and_a_silent_one_does_not_count(admin_client: Client) -> None:
    version = make.embedding_model()
    presence_tell(worker="models@here", jobs=EVERYTHING)
    ModelCache.objects.create(
        worker="models@here", version=version, device="cpu", bytes=90_000_000, loaded_at=Now(), last_used_at=Now()
    )
    text = admin_client.get(PAGE).content.decode()
    assert "all-MiniLM-L6-v2" in text
    assert "no worker" not in text
    WorkerPresence.objects.update(seen_at=Now() - timedelta(minutes=5))
    text = admin_client.get(PAGE).content.decode()
    assert "is silent" in text
    assert "6 queues have no worker" in text


def test_what_runs_is_named_for_those_who_may_read_it_alone(
    admin_client: Client, visitor: Callable[..., Client]
) -> None:
    base = make.knowledge_base()
    make.upload(base, filename="secret.md")
    make.step_claimed(STAGES[0])
    assert "secret.md" in admin_client.get(PAGE).content.decode()
    operator = visitor(make.tenant(), Role.READER, "view_workerpresence")
    text = operator.get(PAGE).content.decode()
    assert "secret.md" not in text
    assert "Something that you may not read" in text
    assert queue(operator, "parsing").running == 1


def test_members_do_not_see_it_whatever_their_role(visitor: Callable[..., Client]) -> None:
    assert visitor(make.tenant(), Role.OWNER).get(PAGE).status_code == 403


def test_flower_is_linked_where_it_is_set_up(admin_client: Client, settings: Any) -> None:
    assert "Open Flower" not in admin_client.get(PAGE).content.decode()
    settings.RAGSITE_FLOWER_URL = "http://127.0.0.1:5555"
    assert 'href="http://127.0.0.1:5555"' in admin_client.get(PAGE).content.decode()


def test_it_takes_as_many_queries_for_much_work_as_for_none_and_its_live_part_fewer(admin_client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(f"{PAGE}?part=live").status_code == 200
        return len(captured)

    base = make.knowledge_base()
    make.upload(base)
    make.step_claimed(STAGES[0])
    admin_client.get(PAGE)
    few = queries()
    for number in range(4):
        make.upload(base)
        presence_tell(worker=f"general{number}@here", jobs=["parse"])
    make.step_claimed(STAGES[0])
    assert queries() == few
