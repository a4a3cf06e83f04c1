from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.documents.models import DocumentVersion, StageRecord
from apps.monitoring.capacity.measured import Seen, claims_of, times_measured
from apps.monitoring.capacity.times import STAGES, CapacityError, ClaimSeen
from tests import factories as make

MOMENT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def seen(version: int, worker: str, begun: float, seconds: float) -> Seen:
    return Seen(version, worker, MOMENT + timedelta(seconds=begun), MOMENT + timedelta(seconds=begun + seconds))


def test_what_a_worker_began_at_one_moment_was_one_claim() -> None:
    rows = [seen(1, "a", 0, 2), seen(2, "a", 0.001, 3), seen(3, "b", 0, 1), seen(4, "a", 5, 1)]
    assert list(claims_of("parse", rows)) == [
        ClaimSeen("parse", 2, 3.001),
        ClaimSeen("parse", 1, 1),
        ClaimSeen("parse", 1, 1),
    ]


@pytest.fixture
def came_through() -> list[DocumentVersion]:
    """Ten documents of which each stage took 2 s, begun half a second after the one before had ended."""
    base = make.knowledge_base()
    versions = [make.upload(base, f"{number}", filename="a.txt").version for number in range(10)]
    for place, version in enumerate(versions):
        came = MOMENT + timedelta(seconds=10 * place)
        DocumentVersion.objects.filter(pk=version.pk).update(created_at=came)
        for step, stage in enumerate(STAGES):
            begun = came + timedelta(seconds=0.5 + 2.5 * step)
            StageRecord.objects.create(
                version=version, stage=stage, outcome="done", worker="w", begun_at=begun, started_at=begun,
                finished_at=begun + timedelta(seconds=2),
            )  # fmt: skip
    return versions


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    call_command("capacity", *arguments, "--json")
    return json.loads(capsys.readouterr().out)


@pytest.mark.django_db
def test_times_come_from_the_record_and_the_newest_documents_are_foreseen_as_they_came(
    came_through: list[DocumentVersion], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "times.json"
    times = told(capsys, "times", "--save", str(file))
    assert {name: (one["fixed"], one["each"], one["handover"]) for name, one in times.items()} == dict.fromkeys(
        STAGES, (0.0, 2.0, 0.5)
    )
    workers = ("--workers", "parsing=1", "general=1", "models=1")
    check = told(capsys, "check", *workers, "--times", str(file))
    assert check["documents"] == 10
    assert check["measured"] == {"mean": 10.0, "p50": 10.0, "p95": 10.0, "p99": 10.0, "seconds": 100.0}
    assert check["simulated"]["ready"] == pytest.approx({"mean": 10.0, "p50": 10.0, "p95": 10.0, "p99": 10.0})
    plan = told(capsys, "plan", "--per-hour", "3600", "--within", "30", "--times", str(file))
    assert plan["processes"]["parsing"] in (3, 4)
    assert plan["processes"]["models"] == 2, "one of them works on two claims"
    burst = told(capsys, "simulate", *workers, "--at-once", "16", "--type", "txt")
    assert burst["seconds"] > 16 * 2


@pytest.mark.django_db
def test_of_too_few_documents_nothing_is_foretold(came_through: list[DocumentVersion]) -> None:
    with pytest.raises(CapacityError, match="Only 0 claims of the stage 'parse'"):
        times_measured(document_type="pdf")
    with pytest.raises(CommandError, match=r"models there are"):
        call_command("capacity", "check", "--workers", "parsing=1", "general=1")
