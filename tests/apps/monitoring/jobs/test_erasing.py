"""Erasing is asked for in the admin: what there is is shown, and nothing is erased before the name is typed."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.monitoring.workspace.place import workspace_url
from apps.retrieval.models import Erasure, ErasureState
from ragsite.gateway.models import Role, Tenant
from tests import factories as make

pytestmark = pytest.mark.django_db
PAGE = "/admin/erasing/"


def signed_in(tenant: Tenant, role: Role = Role.OWNER) -> Client:
    client = Client()
    client.force_login(make.member(tenant, role))
    return client


def test_what_there_is_of_a_person_is_shown_and_only_the_typed_name_has_it_erased() -> None:
    tenant = make.tenant()
    owner, anna = signed_in(tenant), make.member(tenant, name="anna.berg")
    meant = {"tenant": str(tenant.pk), "subject": "user", "who": "anna.berg"}
    shown = owner.get(PAGE, meant).content.decode()
    for said in ("Erase “anna.berg” for good?", "Memberships and accounts", "Backups: delete or replace them"):
        assert said in shown
    refused = owner.post(PAGE, meant | {"typed": "anna"}).content.decode()
    assert "That is not the name above" in refused
    assert not Erasure.objects.exists()
    asked = owner.post(PAGE, meant | {"typed": " anna.berg "})
    erasure = Erasure.objects.get()
    assert (erasure.subject_id, asked["Location"]) == (str(anna.pk), f"/admin/jobs/erasure/{erasure.pk}/")
    job = owner.get(asked["Location"]).content.decode()
    assert f"number {anna.pk}" in job
    assert "0 of 1 traces" in job
    Erasure.objects.update(state=ErasureState.DONE, erased={"audit_entries": 2, "kept_answers": 0})
    report = owner.get(asked["Location"]).content.decode()
    for said in ("Words in entries of the audit log", "All that was found is erased", "without the words"):
        assert said in report


def test_a_document_is_meant_by_its_page_and_called_by_its_title_where_that_is_shown() -> None:
    document = make.ready_version().document
    owner = signed_in(document.tenant)
    page = f"{workspace_url(document.knowledge_base, 'documents')}{document.pk}/?start=1&end=7"
    meant = {"tenant": str(document.tenant_id), "subject": "document", "who": f"http://rag.test{page}"}
    assert f"Erase “{document.title}” for good?" in owner.get(PAGE, meant).content.decode()
    assert f"who={document.pk}" in owner.get(page).content.decode()
    document.restricted = True
    document.save()
    hidden = owner.get(PAGE, meant).content.decode()
    assert document.title not in hidden
    assert f"Erase “{document.pk}” for good?" in hidden
    assert owner.post(PAGE, meant | {"typed": str(document.pk)}).status_code == 302


def test_nobody_has_anything_erased_but_in_tenants_that_they_own(admin_client: Client) -> None:
    tenant, foreign = make.tenant(), make.tenant()
    make.member(foreign, name="eve")
    owner = signed_in(tenant)
    for role in (Role.READER, Role.EDITOR, Role.OPERATOR):
        assert signed_in(tenant, role).get(PAGE).status_code == 403
    wrong: list[dict[str, Any]] = [
        {"tenant": tenant.pk, "subject": "user", "who": "eve"},
        {"tenant": tenant.pk, "subject": "user", "who": "nobody"},
        {"tenant": tenant.pk, "subject": "document", "who": make.ready_version().document_id},
        {"tenant": tenant.pk, "subject": "document", "who": "no id"},
        {"tenant": tenant.pk, "subject": "user", "who": ""},
        {"tenant": foreign.pk, "subject": "tenant"},
    ]
    for meant in wrong:
        answer = owner.post(PAGE, meant | {"typed": meant.get("who", foreign.name)})
        assert answer.status_code == 200
        assert answer.context["form"].errors
    assert not Erasure.objects.exists()
    assert admin_client.get(PAGE, {"tenant": foreign.pk, "subject": "tenant"}).context["chosen"].name == foreign.name
