"""The first page: what it tells of, to whom, and how one begins."""

from __future__ import annotations

import html
import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission as UserPermission
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import ngettext_lazy

from apps.documents.models import Document, DocumentVersion, KnowledgeBase, VersionStatus
from apps.models.gateway import Deadline
from apps.monitoring.alerts.words import alert_title
from apps.monitoring.home.charts import DAYS, HOURS
from apps.monitoring.home.starting import NAME
from apps.monitoring.models import Alert, HealthCheck
from apps.monitoring.performance import performance_sample
from apps.monitoring.rows import MOST_COUNTED, Count
from apps.retrieval.answers.cache.worth import lookup_count
from apps.retrieval.answers.feedback import answer_rate
from apps.retrieval.models import Answer, EvaluationRun, Rating, RunState
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from ragsite.core.ids import first_id_since, new_id
from ragsite.core.models import OutboxEvent, QueueSample
from ragsite.core.queue_samples import KEPT_DAYS
from ragsite.gateway.models import Membership, Role
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import asked, library, started

pytestmark = pytest.mark.django_db

QUESTIONS = {"found": "What does a berth cost a night?", "missed": "Zzyzx qwrtp?"}


def answered(base: KnowledgeBase, question: str) -> Answer:
    return ask(SearchRequest(question), scope=make.scope(base), actor=ACTOR, deadline=Deadline.after(60))


def told(client: Client) -> list[str]:
    return [one.text for one in client.get("/admin/").context["attention"]]


def drawn(client: Client) -> dict[str, dict[str, list[float]]]:
    """The values of each chart, by series."""
    charts = client.get("/admin/").context["charts"]
    return {one.title: {each["label"]: each["data"] for each in json.loads(one.data)["datasets"]} for one in charts}


def staff(tenant: Any, *codenames: str) -> Client:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(UserPermission.objects.filter(codename__in=codenames))
    Membership.objects.create(user=user, tenant=tenant)
    client = Client()
    client.force_login(user)
    return client


def test_what_needs_attention_is_told_with_where_it_is_mended(admin_client: Client) -> None:
    version = make.ready_version()
    failed, stuck = make.ready_version(version.document.knowledge_base), make.ready_version()
    DocumentVersion.objects.filter(pk=failed.pk).update(status=VersionStatus.FAILED, error="Broken.")
    long_ago = timezone.now() - timedelta(minutes=30)
    DocumentVersion.objects.filter(pk=stuck.pk).update(status=VersionStatus.PARSED, created_at=long_ago)
    OutboxEvent.objects.update(created_at=long_ago)
    answer_rate(answer=answered(version.document.knowledge_base, QUESTIONS["found"]), rating=Rating.DOWN, actor=ACTOR)
    answered(version.document.knowledge_base, QUESTIONS["missed"])
    said = "\n".join(told(admin_client)).replace("\xa0", " ")
    for sentence in (
        "1 document could not be read.",
        "A document has waited for 30 minutes.",
        "Events have waited for 30 minutes to be sent.",
        "1 answer of the last seven days was rated down.",
        "1 question of the last seven days found no answer.",
    ):
        assert sentence in said
    for one in admin_client.get("/admin/").context["attention"]:
        assert admin_client.get(one.url).status_code == 200


def test_a_part_that_does_not_work_is_told_as_soon_as_a_worker_found_it_and_once(admin_client: Client) -> None:
    row = HealthCheck.objects.create(
        name="kafka", state="degraded", text="The event broker does not answer.", milliseconds=2000.0
    )
    sentence = "Event broker: The event broker does not answer."
    assert sentence in told(admin_client)
    since = {"opened_at": timezone.now(), "since": timezone.now()}
    alert = Alert.objects.create(
        rule="part-degraded", subject="kafka", severity="warning", state="open", value=1.0, **since
    )
    assert [text for text in told(admin_client) if "kafka" in text or "Event broker" in text] == [alert_title(alert)]
    alert.delete()
    HealthCheck.objects.update(checked_at=Now() - timedelta(hours=1))
    assert sentence not in told(admin_client)
    assert any(text.startswith("No worker has looked at the parts") for text in told(admin_client))
    HealthCheck.objects.filter(pk=row.pk).update(checked_at=Now(), state="ok", text="")
    assert not any("worker has looked" in text or "broker" in text for text in told(admin_client))


def test_where_all_is_well_that_is_said(admin_client: Client) -> None:
    make.ready_version()
    assert told(admin_client) == []
    assert "All is well" in admin_client.get("/admin/home/").content.decode()


@pytest.mark.parametrize(("before", "now", "tells"), [(0.9, 0.7, True), (0.7, 0.9, False), (0.9, 0.89, False)])
def test_quality_that_fell_from_a_run_to_the_next_is_told(
    admin_client: Client, before: float, now: float, tells: bool
) -> None:
    questions = asked(library())
    for value in (before, now):
        run = started(questions)
        EvaluationRun.objects.filter(pk=run.pk).update(state=RunState.DONE, metrics={"ndcg@10": value})
    assert any("Quality fell" in text for text in told(admin_client)) == tells


def test_of_other_tenants_and_without_a_permission_nothing_is_told_or_drawn(admin_client: Client) -> None:
    version, other = make.ready_version(), make.ready_version()
    DocumentVersion.objects.filter(pk=other.pk).update(status=VersionStatus.FAILED, error="Broken.")
    answered(other.document.knowledge_base, QUESTIONS["missed"])
    client = staff(version.document.tenant, "view_documentversion", "view_query")
    assert told(client) == []
    assert list(drawn(client)) == ["Documents added a day"]
    assert len(told(admin_client)) == 2


def test_each_day_s_questions_documents_and_seconds_are_drawn(admin_client: Client) -> None:
    base = make.ready_version().document.knowledge_base
    for question in QUESTIONS.values():
        answer = answered(base, question)
        Answer.objects.filter(pk=answer.pk).update(milliseconds={"embed": 500.0, "dense": 1500.0})
    assert f"1 question found an answer in {DAYS} days, 1 did not." in admin_client.get("/admin/").content.decode()
    charts = drawn(admin_client)
    before = [0] * (DAYS - 1)
    assert charts["Questions a day"] == {"Answer found": [*before, 1], "Not found": [*before, 1]}
    assert charts["Documents added a day"]["Ready"] == [*before, 1]
    assert charts["Seconds to an answer"]["Half are faster"] == [None] * (DAYS - 1) + [2.0]


def test_what_waits_for_workers_is_noted_every_minute_and_drawn_by_hour(admin_client: Client) -> None:
    base = make.knowledge_base()
    make.upload(base, b"# Tides", filename="tides.md")
    assert performance_sample(turns.long()) is False
    QueueSample.objects.filter(queue="parsing").update(seconds=90.0)
    charts = drawn(admin_client)
    before = [0] * (HOURS - 1)
    assert charts["Waiting for workers"] == {"Reading files": [*before, 1]}
    assert charts["Minutes that the first one waited"] == {"Reading files": [*before, 1.5]}
    operator = Client()
    operator.force_login(make.member(base.tenant, Role.OPERATOR))
    assert "Waiting for workers" not in drawn(operator)
    QueueSample.objects.update(at=Now() - timedelta(days=KEPT_DAYS + 1))
    assert performance_sample(turns.long()) is False
    assert QueueSample.objects.filter(at__lt=Now() - timedelta(days=1)).count() == 0


def test_the_page_asks_as_many_questions_of_the_database_with_more_rows(admin_client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            admin_client.get("/admin/")
        return len(captured)

    base = make.ready_version().document.knowledge_base
    answered(base, QUESTIONS["found"])
    queries()
    before = queries()
    for _ in range(3):
        make.ready_version(base)
        answered(base, QUESTIONS["found"])
    assert queries() == before


def test_an_empty_installation_begins_with_samples_on_one_click(admin_client: Client) -> None:
    tenant = make.tenant()
    assert 'id="start"' in admin_client.get("/admin/").content.decode()
    assert admin_client.get("/admin/home/samples/").status_code == 405
    response = admin_client.post("/admin/home/samples/", follow=False)
    base = KnowledgeBase.objects.get()
    assert (base.name, base.tenant) == (NAME, tenant)
    assert response.headers["location"] == f"/admin/knowledge-bases/{base.pk}/documents/"
    assert Document.objects.count() == 5
    admin_client.post("/admin/home/samples/")
    assert Document.objects.count() == 5
    assert 'id="start"' not in admin_client.get("/admin/").content.decode()


def test_samples_are_for_who_may_fill_a_knowledge_base_of_a_tenant(admin_client: Client) -> None:
    page = html.unescape(admin_client.post("/admin/home/samples/", follow=True).content.decode())
    assert "You belong to no tenant yet." in page
    client = staff(make.tenant(), "add_knowledgebase")
    assert client.post("/admin/home/samples/").status_code == 403
    assert not KnowledgeBase.objects.exists()


def test_ids_since_a_moment_are_those_made_from_then_on() -> None:
    before, moment = new_id(), timezone.now() + timedelta(milliseconds=5)
    assert before < first_id_since(moment) <= first_id_since(moment + timedelta(seconds=1))
    assert first_id_since(timezone.now() - timedelta(milliseconds=5)) < new_id()


def test_of_very_many_rows_no_more_is_told_than_that_there_are_more() -> None:
    counts = (1, MOST_COUNTED, MOST_COUNTED + 1)
    questions = ngettext_lazy("%(count)s question", "%(count)s questions", "number")
    assert [Count(number).told(questions) for number in counts] == [
        "1 question", "1,000 questions", "more than 1,000 questions",
    ]  # fmt: skip


def test_who_sees_workers_is_told_what_waits_for_them_and_others_are_not(admin_client: Client) -> None:
    base = make.knowledge_base()
    for _ in range(3):
        make.upload(base)
    page = admin_client.get("/admin/home/").content.decode()
    assert "Reading files" in page
    assert "3 waiting" in page
    assert "no worker" in page
    assert "waiting" not in staff(base.tenant, "view_document").get("/admin/home/").content.decode()


def test_tokens_of_language_models_are_drawn_for_who_looks_after_a_tenant(admin_client: Client) -> None:
    answer = answered(make.ready_version().document.knowledge_base, QUESTIONS["found"])
    Answer.objects.filter(pk=answer.pk).update(usage={"prompt_tokens": 900, "completion_tokens": 41})
    shown = drawn(admin_client)["Tokens a day"]
    assert {label: sum(values) for label, values in shown.items()} == {"Read": 900, "Written": 41}


def test_what_the_cache_is_worth_is_drawn(admin_client: Client) -> None:
    tenant = make.ready_version().tenant_id
    lookup_count(tenant, saved_milliseconds=None)
    lookup_count(tenant, saved_milliseconds=1_500)
    shown = drawn(admin_client)["Answers from the cache"]
    assert sum(shown["From the cache"]) >= 1
    assert sum(shown["Made anew"]) >= 1
