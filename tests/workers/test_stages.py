from __future__ import annotations

from itertools import pairwise

import pytest
from django.utils.module_loading import import_string

from apps.documents.models import VERSION_TRANSITIONS, VersionStatus
from workers.queues import LIMITS, Pool, Queue
from workers.stages import STAGES, Stage, stage_named


def test_the_stages_lead_from_uploaded_to_ready_without_a_gap() -> None:
    assert STAGES[0].before is VersionStatus.UPLOADED
    assert STAGES[-1].after is VersionStatus.READY
    assert all(earlier.after is later.before for earlier, later in pairwise(STAGES))


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_step_of_a_stage_is_a_legal_transition(stage: Stage) -> None:
    assert {stage.after, VersionStatus.FAILED} <= VERSION_TRANSITIONS[stage.before]
    assert stage.retry_from in VERSION_TRANSITIONS[VersionStatus.FAILED]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_stage_names_a_service_that_exists(stage: Stage) -> None:
    assert callable(import_string(stage.service))
    assert stage_named(stage.name) is stage


def test_hostile_files_are_parsed_where_a_hard_limit_holds_and_models_run_in_threads() -> None:
    parsing = LIMITS[Queue.PARSING]
    assert parsing.pool is Pool.PREFORK
    assert parsing.soft is not None
    assert parsing.hard is not None
    assert parsing.soft < parsing.hard
    assert {LIMITS[queue].pool for queue in (Queue.EMBEDDING, Queue.RETRIEVAL, Queue.GENERATION)} == {Pool.THREADS}
    assert set(LIMITS) == set(Queue)
