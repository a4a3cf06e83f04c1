"""The account at the end: what was accepted is indexed or has failed with a reason; nothing is lost, nothing there twice."""

from __future__ import annotations

from dataclasses import dataclass

from tests.faults.load import Told
from tests.faults.stand import Stand, Watch, within
from tests.flows import checks
from tests.flows.checks import Database
from tests.waiting import wait_for

ENDED = ("ready", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Account:
    """Documents by what became of them, the seconds that the last one took to end, and the most starts of any stage."""

    accepted: int
    indexed: int
    failed: int
    seconds: float
    starts: int


def reconciled(database: Database, base: str, told: Told, *, seconds: float = 120, starts: int = 3) -> Account:
    """The account of a knowledge base once all has ended, which must be within so many seconds.

    Raises:
        AssertionError: something is lost, there twice, without a reason, or was started more often than it may be.
    """
    watch = Watch()
    wait_for(
        lambda: _open(database, base) == 0, seconds=within(seconds), what=f"all ended ({told.outcomes()})", every=0.2
    )
    took = watch.seconds
    assert not told.given_up, told.outcomes()
    versions = checks.rows(
        database, "SELECT v.id::text, v.status, v.error_code FROM documents_documentversion v {of_base}", base
    )
    assert set(told.accepted.values()) == {key for key, _, _ in versions}, "accepted and kept are not the same"
    twice = database.execute(
        "SELECT external_id FROM documents_document WHERE knowledge_base_id = %s GROUP BY 1 HAVING count(*) > 1", [base]
    )
    assert twice.fetchall() == []
    ready = sum(status == "ready" for _, status, _ in versions)
    failed = sum(status == "failed" and bool(code) for _, status, code in versions)
    assert ready + failed == len(told.accepted) > 0
    checks.assert_no_chunk_twice(database, base)
    checks.assert_spans_stand(database, base)
    events = {kind: len(ids) for kind, ids in checks.events_of(database, base).items()}
    assert (events.get("document.created", 0), events.get("vector.indexed", 0)) == (len(told.accepted), ready)
    most = max(checks.most_attempts(database, base).values())
    assert most <= starts
    return Account(len(told.accepted), ready, failed, took, most)


def ready_of(database: Database, base: str) -> int:
    """How many documents of a knowledge base are ready."""
    return checks.statuses(database, base).get("ready", 0)


def await_progress(database: Database, base: str, *, seconds: float) -> float:
    """Seconds until one more document is ready than now."""
    watch, before = Watch(), ready_of(database, base)
    wait_for(lambda: ready_of(database, base) > before, seconds=within(seconds), what="one more document ready")
    return watch.seconds


def probed(stand: Stand, database: Database, base: str, name: str, *, seconds: float) -> float:
    """Seconds from the upload of one document, which must be accepted, until it is ready."""
    watch = Watch()
    text = f"The probe {name} was signed by the keeper."
    upload = stand.client.upload(base, (f"{name}.txt", text.encode()), external_id=name)
    status = "SELECT status FROM documents_documentversion WHERE id = %s"
    wait_for(
        lambda: database.execute(status, [upload.version.id]).fetchone() == ("ready",),
        seconds=within(seconds),
        what=f"{name} ready",
    )
    return watch.seconds


def _open(database: Database, base: str) -> int:
    return sum(number for status, number in checks.statuses(database, base).items() if status not in ENDED)
