from __future__ import annotations

import threading
from typing import Any

import pytest
from celery.signals import worker_shutting_down

from apps.documents.models import DocumentVersion
from apps.documents.steps import Step
from apps.retrieval.services import indexing
from tests import factories as make
from workers import leaving, tasks
from workers.stages import stage_named

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked of the worker in one test is not asked in the next."""
    monkeypatch.setattr(leaving, "_asked", threading.Event())


def test_a_worker_that_is_asked_to_end_finishes_what_it_holds_and_leaves_the_rest(monkeypatch: Any) -> None:
    base, embed = make.knowledge_base(), stage_named("embed")
    for _ in range(embed.claims + 1):
        make.upload(base)
    make.run_stages(["parse", "chunk"])
    work = indexing.versions_embed

    def asked_meanwhile(step: Step) -> None:
        worker_shutting_down.send(sender="models", sig="SIGTERM", how="Warm", exitcode=0)
        work(step)

    monkeypatch.setattr(indexing, "versions_embed", asked_meanwhile)
    tasks.work("embed")
    assert DocumentVersion.objects.filter(status="embedded").count() == embed.claims
    assert DocumentVersion.objects.get(status="chunked").attempts == 0
