"""Clocks that jump: of workers and of beat, five minutes forward and back, while documents come in."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from unittest.mock import patch

import pytest

from ragsite.stack import system as stack_system
from ragsite.stack.supervisor import system_commands
from tests.faults.accounts import await_progress, reconciled
from tests.faults.load import Searches, Uploads
from tests.faults.shifted import clock_set, commands_shifted
from tests.faults.stand import Stand, figure, pause, standing
from tests.flows.checks import Database

pytestmark = [pytest.mark.fault, pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

NAMES = ("parsing", "general", "models", "beat")
JUMPS = (-300.0, 300.0)
EVERY_SECONDS = 5


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    def commands(environ: Mapping[str, str]) -> dict[str, list[str]]:
        return commands_shifted(system_commands(environ), NAMES)

    with patch.object(stack_system, "system_commands", commands), standing() as started:
        yield started


@pytest.mark.timeout(900)
def test_workers_whose_clocks_jump_run_nothing_twice(stand: Stand, database: Database) -> None:
    base, before, chance = stand.base("Clocks jump"), stand.restarts(), random.Random(49)
    with Uploads(stand, base, per_second=3) as uploads, Searches(stand, base, per_second=1) as searches:
        await_progress(database, base, seconds=60)
        for name in [*NAMES, *NAMES]:
            clock_set(stand.folder, name, chance.choice(JUMPS))
            pause(EVERY_SECONDS)
        for name in NAMES:
            clock_set(stand.folder, name, 0)
        healed = await_progress(database, base, seconds=60)
    account = reconciled(database, base, uploads.told)
    figure(
        "C-49", jumps=2 * len(NAMES), healed=healed, degraded_searches=searches.degraded,
        searches=searches.told.outcomes(), account=str(account),
    )  # fmt: skip
    assert set(uploads.told.outcomes()) == set(searches.told.outcomes()) == {"ok"}
    assert stand.restarts() == before
