"""A bulk job takes its documents one after the other: each once, with the rights of the moment, until it is told to stop."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission as UserPermission
from django.contrib.auth.models import User
from django.db.models.functions import Now

from apps.documents.models import BulkJob, BulkState, Document, DocumentVersion, KnowledgeBase
from apps.documents.services.bulk import work
from apps.documents.services.bulk.jobs import (
    bulk_job_ask,
    bulk_job_cancel,
    bulk_job_confirm,
    bulk_jobs_purge,
    bulk_jobs_shown_to,
    documents_chosen,
)
from apps.documents.services.bulk.kinds import bulk_kind
from ragsite.core.errors import ConflictError, NotFoundError, PermanentError
from ragsite.core.models import OutboxEvent
from ragsite.gateway.models import Role
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from workers.jobs import job_named
from workers.running import job_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def base(db: None) -> KnowledgeBase:
    return make.knowledge_base()


@pytest.fixture
def editor(base: KnowledgeBase) -> User:
    return make.member(base.tenant, Role.EDITOR)


def documents(base: KnowledgeBase, number: int = 3, **fields: Any) -> list[Document]:
    made = [make.upload(base, filename=f"{at}.md", **fields).version.document for at in range(number)]
    return sorted(made, key=lambda document: document.pk)


def confirmed(kind: str, rows: list[Document], user: User, **said: Any) -> BulkJob:
    job = bulk_job_ask(
        kind=bulk_kind(kind), documents=[row.pk for row in rows], tenant_id=rows[0].tenant_id, user=user, actor=ACTOR,
        knowledge_base=rows[0].knowledge_base, **said,
    )  # fmt: skip
    return bulk_job_confirm(job=job, actor=ACTOR)


def worked(job: BulkJob, turn: Any = None) -> BulkJob:
    job_run(job_named("bulk"), turn=turn or turns.long())
    job.refresh_from_db()
    return job


def events(kind: str) -> int:
    return OutboxEvent.objects.filter(type=kind).count()


def test_a_job_does_it_with_each_document_and_says_how_many(base: KnowledgeBase, editor: User) -> None:
    rows = documents(base)
    job = worked(confirmed("tag", rows, editor, tags=["new"]))
    assert (job.state, job.total, job.done, job.refused, job.refusals) == (BulkState.DONE, 3, 3, 0, [])
    assert job.ended_at is not None
    assert job.documents == []
    assert [row.tags for row in Document.objects.all()] == [["new"]] * 3
    assert OutboxEvent.objects.filter(type="document.updated").latest("id").actor["name"] == ACTOR.name


def test_nothing_begins_before_it_is_confirmed_and_nothing_is_confirmed_twice(
    base: KnowledgeBase, editor: User
) -> None:
    (row,) = documents(base, 1)
    kind = bulk_kind("delete")
    job = bulk_job_ask(kind=kind, documents=[row.pk], tenant_id=base.tenant_id, user=editor, actor=ACTOR)
    assert worked(job).state == BulkState.ASKED
    bulk_job_confirm(job=job, actor=ACTOR)
    with pytest.raises(ConflictError, match="confirmed before"):
        bulk_job_confirm(job=job, actor=ACTOR)
    with pytest.raises(PermanentError, match="0 documents"):
        bulk_job_ask(kind=kind, documents=[], tenant_id=base.tenant_id, user=editor, actor=ACTOR)
    with pytest.raises(NotFoundError, match="'burn'"):
        bulk_kind("burn")


def test_a_worker_that_dies_at_a_document_leaves_it_to_the_next_and_none_is_done_twice(
    base: KnowledgeBase, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = confirmed("tag", documents(base), editor, tags=["new"])
    worked(job, turns.short(1))
    assert (job.state, job.done) == (BulkState.OPEN, 1)
    killed, note = [], work._progressed

    def dies(*given: Any, **columns: Any) -> None:
        note(*given, **columns)
        killed.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(work, "_progressed", dies)
    with pytest.raises(KeyboardInterrupt):
        worked(job)
    monkeypatch.undo()
    assert killed
    job.refresh_from_db()
    assert job.done == 1
    assert events("document.updated") == 1
    BulkJob.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert (worked(job).state, job.done, events("document.updated")) == (BulkState.DONE, 3, 3)


def test_rights_that_were_taken_away_after_the_confirmation_are_no_rights(base: KnowledgeBase, editor: User) -> None:
    rows = documents(base)
    job = confirmed("delete", rows, editor)
    worked(job, turns.short(1))
    editor.memberships.update(role=Role.READER)
    worked(job, turns.short(1))
    editor.memberships.all().delete()
    worked(job)
    assert (job.state, job.done, job.refused) == (BulkState.DONE, 1, 2)
    assert [told["document"] for told in job.refusals] == [str(row.pk) for row in rows[1:]]
    assert "may not do it any more" in job.refusals[0]["reason"]
    assert "no longer shown" in job.refusals[1]["reason"]
    assert Document.objects.filter(deleted_at=None).count() == 2


def test_what_was_granted_meanwhile_is_not_what_was_asked_for_by_somebody_gone(base: KnowledgeBase) -> None:
    leaver = make.member(base.tenant, Role.OWNER)
    job = confirmed("delete", documents(base, 1), leaver)
    leaver.delete()
    assert (worked(job).refused, job.state) == (1, BulkState.DONE)
    assert Document.objects.filter(deleted_at=None).count() == 1


def test_a_refusal_stops_nothing_and_says_why(base: KnowledgeBase, editor: User) -> None:
    rows = documents(base)
    Document.objects.filter(pk=rows[0].pk).update(tags=[f"tag {n}" for n in range(50)])
    job = worked(confirmed("tag", rows, editor, tags=["one more"]))
    assert (job.state, job.done, job.refused) == (BulkState.DONE, 2, 1)
    assert job.refusals[0]["document"] == str(rows[0].pk)
    assert job.refusals[0]["reason"].startswith("51 tags are too many.")


def test_a_job_is_cancelled_after_the_document_it_is_at(base: KnowledgeBase, editor: User) -> None:
    job = worked(confirmed("delete", documents(base), editor), turns.short(1))
    bulk_job_cancel(job=job, actor=ACTOR)
    assert not job_run(job_named("bulk"))
    assert (job.state, job.done) == (BulkState.CANCELLED, 1)
    assert Document.objects.filter(deleted_at=None).count() == 2
    with pytest.raises(ConflictError, match="ended already"):
        bulk_job_cancel(job=job, actor=ACTOR)


def test_a_job_whose_worker_dies_again_and_again_at_one_place_fails_with_the_reason(
    base: KnowledgeBase, editor: User
) -> None:
    job = confirmed("delete", documents(base), editor)
    BulkJob.objects.update(attempts=99, error="The process that was at the bulk job died.")
    assert work.BULK_JOBS.give_up() == 1
    job.refresh_from_db()
    assert job.state == BulkState.FAILED
    assert "The last reason: The process that was at the bulk job died." in job.error


def test_the_documents_are_those_it_would_change_up_to_a_bound(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = documents(base)
    DocumentVersion.objects.filter(document=first).update(status="failed", error="Broken.", retry_status="uploaded")
    Document.objects.filter(pk=second.pk).update(restricted=True, tags=["old"])
    found = Document.objects.filter(knowledge_base=base)
    chosen = {slug: documents_chosen(found, kind=bulk_kind(slug), tags=["old"]).documents for slug in (
        "retry", "tag", "untag", "restrict", "lift", "delete",
    )}  # fmt: skip
    everything = [first.pk, second.pk, third.pk]
    assert chosen == {
        "retry": [first.pk], "tag": [first.pk, third.pk], "untag": [second.pk], "restrict": [first.pk, third.pk],
        "lift": [second.pk], "delete": everything,
    }  # fmt: skip
    monkeypatch.setattr("apps.documents.services.bulk.jobs.MOST_DOCUMENTS", 2)
    with pytest.raises(PermanentError, match="More than 2 documents"):
        documents_chosen(found, kind=bulk_kind("delete"))


def test_a_job_is_seen_by_who_asked_and_by_who_looks_after_the_tenant(base: KnowledgeBase, editor: User) -> None:
    job = confirmed("delete", documents(base, 1), editor)
    unconfirmed = bulk_job_ask(
        kind=bulk_kind("delete"), documents=[job.pk], tenant_id=base.tenant_id, user=editor, actor=ACTOR
    )
    owner, other = make.member(base.tenant, Role.OWNER), make.member(base.tenant, Role.EDITOR)
    given = make.member(base.tenant, is_staff=True)
    given.user_permissions.set(UserPermission.objects.filter(codename="view_bulkjob"))
    elsewhere = make.member(make.tenant(), Role.OWNER)
    seen = {user.pk: list(bulk_jobs_shown_to(user)) for user in (editor, owner, other, given, elsewhere)}
    assert seen == {editor.pk: [job], owner.pk: [job], other.pk: [], given.pk: [job], elsewhere.pk: []}
    editor.memberships.all().delete()
    assert not bulk_jobs_shown_to(User.objects.get(pk=editor.pk))
    BulkJob.objects.update(created_at=Now() - timedelta(days=2))
    assert not bulk_jobs_purge(turns.long())
    assert list(BulkJob.objects.exclude(pk=unconfirmed.pk)) == list(BulkJob.objects.all()) == [job]
