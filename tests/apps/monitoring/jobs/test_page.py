"""Everything that takes long is one list: for whom it is, how far it is, and who may stop it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission as UserPermission
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.documents.models import BulkJob, Document, KnowledgeBase
from apps.documents.services.bulk.jobs import bulk_job_ask, bulk_job_confirm
from apps.documents.services.bulk.kinds import bulk_kind
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.models.models import ModelTask
from apps.monitoring.jobs import listing
from apps.monitoring.jobs.kinds import JOB_KINDS
from apps.monitoring.jobs.scheduled_words import TITLES
from apps.retrieval.models import Erasure, EvaluationRun, EvaluationSet, Reindex
from ragsite.core.models import ScheduledJob
from ragsite.gateway.models import Role
from tests import factories as make
from tests.acting import ACTOR
from workers.jobs import JOBS

pytestmark = pytest.mark.django_db
PAGE = "/admin/jobs/"


def bulk_job(base: KnowledgeBase, user: User, number: int = 2, **said: Any) -> BulkJob:
    rows = [make.upload(base, filename=f"{at}.md").version.document for at in range(number)]
    job = bulk_job_ask(
        kind=bulk_kind("tag"), documents=[row.pk for row in rows], tenant_id=base.tenant_id, knowledge_base=base,
        tags=["new"], user=user, actor=ACTOR,
    )  # fmt: skip
    return bulk_job_confirm(job=job, actor=ACTOR)


def one_of_each(base: KnowledgeBase, user: User) -> None:
    """A job of every kind, of one tenant."""
    bulk_job(base, user)
    Reindex.objects.create(knowledge_base=base, state="switched", asked_by="ada")
    EvaluationRun.objects.create(
        evaluation_set=EvaluationSet.objects.create(knowledge_base=base, name=f"Set {user.pk}"),
        mode="hybrid",
        asked_by="ada",
    )
    ModelTask.objects.create(kind="pull", name="acme/tiny", source="acme/tiny", revision=f"{ModelTask.objects.count()}")
    knowledge_base_delete(knowledge_base=make.knowledge_base(of=base.tenant), actor=ACTOR)
    Erasure.objects.create(
        tenant=base.tenant, subject="user", subject_id=str(user.pk), found={"questions": 3}, erased={"questions": 1},
        kept=[{"what": "backups", "why": "They are outside of the system."}],
    )  # fmt: skip


def test_what_runs_by_the_clock_is_told_in_words() -> None:
    assert set(TITLES) == {job.name for job in JOBS if job.every}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def kinds_seen(user: User) -> list[str]:
    return sorted(line.kind for line in signed_in(user).get(PAGE).context["jobs"].lines)


def test_all_that_takes_long_is_listed_newest_first_and_each_has_a_page(admin_client: Client, admin_user: User) -> None:
    base = make.knowledge_base(name="Harbour rules")
    one_of_each(base, admin_user)
    ScheduledJob.objects.create(name="events-purge")
    ScheduledJob.objects.create(name="sweep", error="The disk is full.")
    page = admin_client.get(PAGE)
    lines = page.context["jobs"].lines
    assert [line.kind for line in lines] == ["erasure", "deletion", "model", "evaluation", "reindex", "bulk"]
    assert {line.kind for line in lines} == {kind.slug for kind in JOB_KINDS}
    text = page.content.decode()
    for said in (
        "Removes events that were delivered",
        "Tagging documents",
        "0 of 2 documents",
        "Downloading a model",
        "Harbour rules",
        "The disk is full.",
    ):
        assert said in text
    assert [one.job.name for one in page.context["scheduled"]] == ["sweep", "events-purge"]
    for line in lines:
        shown = admin_client.get(f"{PAGE}{line.kind}/{line.pk}/")
        assert line.title in shown.content.decode()
        assert admin_client.get(f"{PAGE}{line.kind}/{line.pk}/?part=live").status_code == 200
    assert admin_client.get(f"{PAGE}nothing/{base.pk}/").status_code == 404
    assert admin_client.get(f"{PAGE}bulk/{base.pk}/").status_code == 404


def test_each_sees_the_jobs_of_the_own_tenants_and_rights() -> None:
    base = make.knowledge_base()
    editor, owner = make.member(base.tenant, Role.EDITOR), make.member(base.tenant, Role.OWNER)
    one_of_each(base, editor)
    assert kinds_seen(editor) == ["bulk", "evaluation"]
    assert kinds_seen(owner) == ["bulk", "deletion", "erasure", "evaluation", "reindex"]
    assert kinds_seen(make.member(base.tenant, Role.EDITOR)) == ["evaluation"]
    assert kinds_seen(make.member(make.tenant(), Role.OWNER)) == []
    of_models = make.member(base.tenant, is_staff=True)
    of_models.user_permissions.set(UserPermission.objects.filter(codename="view_modeltask"))
    assert kinds_seen(of_models) == ["model"]
    page = signed_in(owner).get(PAGE)
    assert page.context["scheduled"] == ()
    reader = signed_in(make.member(base.tenant, Role.READER))
    assert reader.get(PAGE).status_code == 403
    assert reader.get(f"{PAGE}bulk/{BulkJob.objects.get().pk}/").status_code == 404


def test_the_list_is_filtered_and_goes_on_page_by_page(
    admin_client: Client, admin_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_of_each(make.knowledge_base(), admin_user)

    def kinds(query: str) -> list[str]:
        return [line.kind for line in admin_client.get(PAGE + query).context["jobs"].lines]

    assert kinds("?kind=model") == ["model"]
    assert kinds("?standing=done") == ["reindex"]
    assert kinds("?standing=cancelled&kind=evaluation") == []
    assert "Clear them" in admin_client.get(f"{PAGE}?standing=cancelled&kind=evaluation").content.decode()
    monkeypatch.setattr(listing, "PAGE_SIZE", 2)
    first = admin_client.get(PAGE).context["jobs"]
    assert [line.kind for line in first.lines] == ["erasure", "deletion"]
    second = admin_client.get(f"{PAGE}?{first.next_query}").context["jobs"]
    assert [line.kind for line in second.lines] == ["model", "evaluation"]
    last = admin_client.get(f"{PAGE}?{second.next_query}").context["jobs"]
    assert ([line.kind for line in last.lines], last.next_query) == (["reindex", "bulk"], "")
    assert kinds("?kind=nonsense&standing=nonsense&before=nonsense") == ["erasure", "deletion"]


def test_it_looks_again_only_while_something_is_under_way(admin_client: Client, admin_user: User) -> None:
    assert "Nothing took long yet." in admin_client.get(PAGE).content.decode()
    job = bulk_job(make.knowledge_base(), admin_user)
    assert "every 2s" in admin_client.get(f"{PAGE}?part=list").content.decode()
    make.work_once("bulk", job)
    ended = admin_client.get(f"{PAGE}?part=list").content.decode()
    assert "2 documents are tagged." in ended
    assert "every 2s" not in ended


def test_a_job_is_cancelled_after_a_question_by_who_may(admin_user: User) -> None:
    base = make.knowledge_base()
    editor = make.member(base.tenant, Role.EDITOR)
    job = bulk_job(base, editor)
    looks = make.member(base.tenant, is_staff=True)
    looks.user_permissions.set(UserPermission.objects.filter(codename="view_bulkjob"))
    url = f"{PAGE}bulk/{job.pk}/cancel/"
    assert signed_in(looks).post(url).status_code == 403
    assert signed_in(make.member(base.tenant, Role.EDITOR)).post(url).status_code == 404
    asked = signed_in(editor).get(url).content.decode()
    assert "It stops after the document that is just being done." in asked
    assert BulkJob.objects.get().state == "open"
    assert signed_in(editor).post(url)["HX-Trigger"] == "jobs-changed"
    assert not make.work_once("bulk")
    assert signed_in(editor).post(url)["HX-Refresh"] == "true"
    assert Document.objects.filter(tags=[]).count() == 2
    assert "It was cancelled after 0 of 2." in signed_in(editor).get(f"{PAGE}bulk/{job.pk}/").content.decode()


def test_the_log_names_no_document_that_its_reader_is_not_shown() -> None:
    base = make.knowledge_base()
    editor, owner = make.member(base.tenant, Role.EDITOR), make.member(base.tenant, Role.OWNER)
    job = bulk_job(base, editor)
    Document.objects.update(tags=[f"tag {n}" for n in range(50)])
    make.work_once("bulk", job)
    Document.objects.filter(title="0.md").update(restricted=True)
    told = signed_in(owner).get(f"{PAGE}bulk/{job.pk}/").content.decode()
    assert "1.md" in told
    assert "0.md" not in told
    assert told.count("51 tags are too many.") == 2


def test_the_page_takes_as_many_queries_for_many_jobs_as_for_one(admin_client: Client, admin_user: User) -> None:
    one_of_each(make.knowledge_base(), admin_user)
    admin_client.get(PAGE)
    with CaptureQueriesContext(connection) as one:
        admin_client.get(PAGE)
    for _ in range(2):
        one_of_each(make.knowledge_base(), admin_user)
    with CaptureQueriesContext(connection) as several:
        admin_client.get(PAGE)
    assert len(several) == len(one)
