"""What failed stands in groups by its cause, with what mends it, and a group is retried at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission as UserPermission
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.documents.models import DocumentVersion, KnowledgeBase, VersionStatus
from apps.monitoring.failures.causes import CAUSES, cause_of
from ragsite.gateway.models import Tenant
from tests import factories as make

pytestmark = pytest.mark.django_db
PAGE = "/admin/failures/"


def staff_of(tenant: Tenant, *codenames: str) -> Client:
    user = make.member(tenant, is_staff=True)
    user.user_permissions.set(UserPermission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def failed(base: KnowledgeBase, code: str, **fields: Any) -> DocumentVersion:
    version = make.upload(base, **fields).version
    states = {"status": "failed", "error_code": code, "error": f"{code} in words.", "retry_status": "uploaded"}
    DocumentVersion.objects.filter(pk=version.pk).update(**states)
    version.stages.create(stage="parse", outcome="failed", worker="here", error_code=code, error="Broken.")
    return version


def grouped(client: Client, query: str = "") -> list[tuple[str, str, int]]:
    shown = client.get(PAGE + query).context["failures"].groups
    return [(group.error_code, group.stage, group.total) for group in shown]


def test_failures_stand_by_cause_with_what_mends_them_the_most_first(admin_client: Client) -> None:
    base = make.knowledge_base()
    failed(base, "encrypted_file", filename="secret.md")
    for _ in range(2):
        failed(base, "model_unavailable")
    page = admin_client.get(PAGE)
    assert grouped(admin_client) == [("model_unavailable", "parse", 2), ("encrypted_file", "parse", 1)]
    text = page.content.decode()
    assert "The file is protected with a password" in text
    assert "Save it without a password, and upload that as a new version." in text
    assert "secret.md" in text
    asked = admin_client.post(PAGE, {"ask": "retry", "error_code": "model_unavailable", "stage": "parse"})
    assert "Retry 2 documents?" in asked.content.decode()
    assert "every 5s" in admin_client.get(f"{PAGE}?part=list").content.decode()


def test_what_holds_nothing_up_is_not_listed(admin_client: Client) -> None:
    base = make.knowledge_base()
    version = failed(base, "damaged_file")
    make.upload(base, document=version.document)
    cancelled = failed(base, "damaged_file")
    DocumentVersion.objects.filter(pk=cancelled.pk).update(status="cancelled")
    assert grouped(admin_client) == []
    assert "Nothing has failed." in admin_client.get(PAGE).content.decode()


def test_a_group_is_retried_by_a_job_and_no_other_and_nothing_that_fails_later(admin_client: Client) -> None:
    first, other = make.knowledge_base(), make.knowledge_base()
    oldest, newer, kept = (failed(first, code) for code in ("too_slow", "too_slow", "empty_text"))
    of_another = failed(other, "too_slow")
    asked = admin_client.post(PAGE, {"ask": "retry", "error_code": "too_slow", "stage": "parse"})
    assert "Retry 3 documents?" in asked.content.decode()
    later = failed(first, "too_slow")
    begun = admin_client.post(PAGE, {"confirm": [job.pk for job in asked.context["jobs"]]})
    assert begun["HX-Redirect"] == "/admin/jobs/"
    assert make.work_once("bulk")
    assert make.work_once("bulk")
    up, down = VersionStatus.UPLOADED, VersionStatus.FAILED
    standing = dict(DocumentVersion.objects.values_list("pk", "status"))
    assert standing == {oldest.pk: up, newer.pk: up, of_another.pk: up, kept.pk: down, later.pk: down}
    nothing = admin_client.post(PAGE, {"ask": "retry", "error_code": "none", "stage": "parse"})
    assert "Nothing is left to retry" in nothing.content.decode()


def test_one_knowledge_base_is_asked_for_by_the_address(admin_client: Client) -> None:
    first, second = make.knowledge_base(), make.knowledge_base()
    failed(first, "too_slow")
    failed(second, "empty_text")
    assert grouped(admin_client, f"?knowledge_base={second.pk}") == [("empty_text", "parse", 1)]
    assert admin_client.get(f"{PAGE}?knowledge_base=nonsense").status_code == 404


def test_others_failures_are_not_shown_and_not_retried() -> None:
    base, other = make.knowledge_base(), make.knowledge_base()
    failed(base, "too_slow", restricted=True)
    failed(other, "too_slow")
    client = staff_of(base.tenant, "view_documentversion", "change_documentversion")
    assert grouped(client) == []
    assert client.get(f"{PAGE}?knowledge_base={other.pk}").status_code == 404
    asked = client.post(PAGE, {"ask": "retry", "error_code": "too_slow", "stage": "parse"})
    assert asked.context["jobs"] == []
    assert client.post(PAGE, {"confirm": "nonsense"})["HX-Redirect"] == PAGE
    assert DocumentVersion.objects.filter(status="failed").count() == 2
    assert grouped(staff_of(base.tenant, "view_documentversion", "view_document")) == [("too_slow", "parse", 1)]


def test_who_may_only_look_can_retry_nothing() -> None:
    base = make.knowledge_base()
    failed(base, "too_slow")
    looks = staff_of(base.tenant, "view_documentversion")
    assert "Retry all of these" not in looks.get(PAGE).content.decode()
    assert looks.post(PAGE, {"ask": "retry", "error_code": "too_slow", "stage": "parse"}).status_code == 403
    outsider = Client()
    outsider.force_login(User.objects.create_user("outsider", is_staff=True))
    assert outsider.get(PAGE).status_code == 403
    assert DocumentVersion.objects.get().status == "failed"


def test_the_page_takes_as_many_queries_for_many_failures_as_for_one(admin_client: Client) -> None:
    base = make.knowledge_base()
    failed(base, "too_slow")
    admin_client.get(PAGE)
    with CaptureQueriesContext(connection) as one:
        admin_client.get(PAGE)
    for code in ("too_slow", "empty_text", "damaged_file"):
        failed(base, code)
    with CaptureQueriesContext(connection) as several:
        admin_client.get(PAGE)
    assert len(several) == len(one)


def test_every_cause_says_what_happened_and_what_to_do_and_an_unknown_one_too() -> None:
    for cause in (*CAUSES.values(), cause_of("never_heard_of")):
        assert str(cause.title)[0].isupper()
        assert not str(cause.title).endswith(".")
        assert str(cause.advice).endswith(".")
