"""Who locks several rows locks them in one order. Each test holds the row that comes first and looks at what the other one,
who waits for it, has locked by then: nothing that comes later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection, models, transaction

from apps.documents.lifecycle.rows import VersionsOfStage
from apps.documents.lifecycle.stages import ACTIVATE, CHUNK, EMBED, PARSE
from apps.documents.lifecycle.steps import Step, step_give_back, step_let_go, step_postpone, step_wait
from apps.documents.lifecycle.versions import document_rollback, version_retry
from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase, StageRecord
from apps.documents.services.deleting import DELETE
from apps.documents.services.documents import document_delete, document_update
from apps.documents.services.knowledge_bases import knowledge_base_delete, knowledge_base_update
from apps.documents.services.purging import documents_purge
from apps.retrieval.evaluation.sets import evaluation_set_delete
from apps.retrieval.index.indexing import versions_activate
from apps.retrieval.models import Embedding, EvaluationQuestion, EvaluationSet
from ragsite.core.errors import ConflictError, PermanentError, TransientError
from ragsite.core.leases import lease_release, lease_renew
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import asked, library, started
from tests.waiting import wait_for
from workers.jobs import job_named

pytestmark = pytest.mark.django_db(transaction=True)

BROKEN = PermanentError("It is broken.", code="broken")
LATER = TransientError("Not now.", code="not_now")


@contextmanager
def waiting_for(row: models.Model, call: Callable[[], Any]) -> Iterator[None]:
    """Hold the row; within the block the call, in a thread of its own, waits for it. Then let it come through."""
    pids: list[int] = []

    def run() -> None:
        connection.ensure_connection()
        pids.append(connection.connection.info.backend_pid)
        call()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            type(row)._default_manager.select_for_update().get(pk=row.pk)
            running = pool.submit(make.closing(run))
            wait_for(lambda: running.done() or (pids and _is_blocked(pids[0])), seconds=20, what="the call waits")
            assert not running.done(), "the call did not wait for the row"
            yield
        running.result(30)


def _is_blocked(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [pid])
        return bool(cursor.fetchone()[0])


def assert_free(rows: models.QuerySet[Any]) -> None:
    """There are rows, and nobody has locked one of them."""
    try:
        with transaction.atomic():
            assert list(rows.select_for_update(nowait=True, of=("self",)))
    except OperationalError:
        pytest.fail(f"{rows.model.__name__} is locked by somebody who waits for a row that comes before it")


def assert_referable(row: models.Model) -> None:
    """Whoever wrote a row twice that refers to this one locks it like this at commit, and would wait."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT FROM {row._meta.db_table} WHERE id = %s FOR KEY SHARE NOWAIT", [row.pk])


def claimed(stage: str) -> Step:
    """All versions that wait at the stage, claimed and begun by one worker."""
    rows = job_named(stage).rows
    assert isinstance(rows, VersionsOfStage)
    step: Step = rows.begin(rows.claim(limit=32))
    assert step.claim.ids
    return step


def at_parsing(count: int = 1) -> Step:
    base = make.knowledge_base()
    for _ in range(count):
        make.upload(base)
    return claimed(PARSE)


def version_of(step: Step) -> DocumentVersion:
    return DocumentVersion.objects.select_related("document").get(pk=step.claim.ids[0])


def test_who_fails_a_version_waits_for_its_document_first() -> None:
    step = at_parsing()
    version = version_of(step)
    with waiting_for(version.document, lambda: job_named(PARSE).rows.fail(step.claim, BROKEN)):
        assert_free(DocumentVersion.objects.filter(pk=version.pk))
    version.refresh_from_db()
    assert version.status == "failed"


def test_who_sends_versions_back_waits_for_their_documents_first() -> None:
    """Of two uploads of one document the index lacks the first, so that one goes back while the other is to answer."""
    base = make.knowledge_base()
    first = make.upload(base).version
    make.upload(base, document=first.document)
    make.run_stages([PARSE, CHUNK, EMBED])
    Embedding.objects.filter(version_id=first.pk).delete()
    step = claimed(ACTIVATE)
    with waiting_for(first.document, lambda: versions_activate(step, turns.long())):
        assert_free(DocumentVersion.objects.all())
    assert set(DocumentVersion.objects.values_list("status", flat=True)) == {"parsed", "ready"}


def test_who_gives_a_version_back_waits_for_it_before_its_timeline_changes() -> None:
    step = at_parsing()
    with waiting_for(version_of(step), lambda: step_give_back(step, step.claim.ids)):
        assert_free(StageRecord.objects.all())
    assert not StageRecord.objects.exists()


def test_who_purges_documents_leaves_those_of_whose_versions_somebody_holds_one() -> None:
    version, other = make.ready_version(), make.ready_version()
    for one in (version, other):
        document_delete(document=one.document, actor=ACTOR)
    with transaction.atomic():
        # PostgreSQL checks the document of a row that was written twice, too: at commit, which waits for who keeps it.
        for error in ("once", "twice"):
            DocumentVersion.objects.filter(pk=version.pk).update(error=error)
        make.in_parallel(1, lambda: documents_purge(turns.short(2)))
        assert list(Document.objects.all()) == [version.document]
        assert Chunk.objects.filter(version=version).exists()
    documents_purge(turns.short(2))
    assert not Chunk.objects.exists()


def test_who_marks_documents_as_deleted_lets_the_workers_at_their_versions_commit() -> None:
    version = version_of(at_parsing())
    knowledge_base_delete(knowledge_base=version.document.knowledge_base, actor=ACTOR)
    with waiting_for(version, lambda: make.work_once(DELETE)):
        assert_referable(version.document)
    assert not Document.objects.exists()


SEVERAL: dict[str, Callable[[Step], Any]] = {
    "lease_renew": lambda step: lease_renew(DocumentVersion, step.claim),
    "lease_release": lambda step: lease_release(DocumentVersion, step.claim, step.claim.ids),
    "let_go": step_let_go,
    "postpone": lambda step: step_postpone(step, LATER),
    "give_back": lambda step: step_give_back(step, step.claim.ids),
    "wait": lambda step: step_wait(step, step.claim.ids, LATER),
    "complete": transaction.atomic(lambda step: step.complete(*step.claim.ids)),
    "send_back": transaction.atomic(lambda step: step.send_back(step.claim.ids, LATER)),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_versions_are_locked_in_the_order_of_their_keys(name: str) -> None:
    """The table has them in another order, in which PostgreSQL would come across them."""
    step = at_parsing(3)
    first, *others = sorted(step.claim.ids)
    DocumentVersion.objects.filter(pk=first).update(error="")
    with waiting_for(DocumentVersion.objects.get(pk=first), lambda: SEVERAL[name](step)):
        assert_free(DocumentVersion.objects.filter(pk__in=others))


def test_who_deletes_an_evaluation_set_waits_for_its_runs_before_questions_go() -> None:
    questions = asked(library(), "harbour")
    run = started(questions)
    with waiting_for(run, lambda: evaluation_set_delete(evaluation_set=questions, actor=ACTOR)):
        assert_free(EvaluationQuestion.objects.all())
    assert not EvaluationSet.objects.exists()


def test_what_another_one_has_is_refused_before_anything_waits_for_it_and_its_bytes_are_nobodys() -> None:
    """Two that want each other's external ids or names would each wait for the other one to let go."""
    base, other = make.knowledge_base(), make.knowledge_base(name="Other")
    KnowledgeBase.objects.filter(pk=other.pk).update(tenant=base.tenant)
    one = make.ready_version(base, "First bytes.", external_id="one")
    failed = make.upload(base, make.BROKEN_PDF, filename="a.pdf", document=one.document).version
    make.run_stages()
    latest = make.ready_version(base, "Last bytes.", document=one.document)
    twins = [make.ready_version(base, "First bytes.", external_id="two").document]
    twins.append(make.upload(base, make.BROKEN_PDF, filename="a.pdf").version.document)
    DocumentVersion.objects.filter(pk=latest.pk).update(status="cancelled")
    Document.objects.filter(pk=one.document_id).update(current_version=None)
    document = Document.objects.get(pk=one.document_id)
    wanted: list[Callable[[], Any]] = [
        lambda: document_update(document=document, external_id="two", actor=ACTOR),
        lambda: document_rollback(document=document, version=one, actor=ACTOR),
        lambda: version_retry(version=failed, actor=ACTOR),
        lambda: knowledge_base_update(knowledge_base=base, name="Other", actor=ACTOR),
    ]
    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        for number, twin in enumerate(twins):
            Document.objects.filter(pk=twin.pk).update(external_id=f"gone {number}", content_hash=f"gone {number}")
        KnowledgeBase.objects.filter(pk=other.pk).update(name="gone")
        errors = [pool.submit(make.closing(partial(_without_waiting, call))).exception(30) for call in wanted]
    assert [type(error) for error in errors] == [ConflictError, type(None), type(None), ConflictError]


def _without_waiting(call: Callable[[], Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '500ms'")
    call()
