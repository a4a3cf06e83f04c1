from __future__ import annotations

import re
from unittest.mock import patch

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils.translation import override
from unfold.templatetags import unfold_list

from ragsite.core.admin import lists
from ragsite.gateway.models import Role, Tenant
from tests import factories as make


@pytest.mark.django_db
def test_nobody_finds_out_by_the_length_of_a_list_what_is_in_a_field_that_is_not_shown() -> None:
    base = make.knowledge_base(visibility="restricted")
    title = make.upload(base, filename="plans.md").version.document.title
    client = Client()
    client.force_login(make.member(base.tenant, Role.OPERATOR))
    events = "/admin/core/outboxevent/"
    assert b"document.created" in client.get(events).content
    for letters in (title[:3], "zzz"):
        assert client.get(f"{events}?payload__title__startswith={letters}").status_code == 400
    assert client.get(f"{events}?sending=waiting").status_code == 200


def test_every_list_is_narrowed_by_ids_and_its_filters_alone() -> None:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    narrowed = set()
    for model, shown in admin.site._registry.items():
        for field in model._meta.concrete_fields:
            if not field.is_relation and not field.primary_key and shown.lookup_allowed(field.name, "x", request):
                narrowed.add(f"{model._meta.label_lower}.{field.name}")
    assert "documents.chunk.chunking_key" in narrowed
    told = {
        one for one in narrowed if re.search("hash|secret|text|payload|question|title|name|password|sealed|error$", one)
    }
    assert told == set()


@pytest.mark.django_db
def test_the_headers_of_a_list_are_made_once_and_are_those_of_unfold() -> None:
    for name in ("harbour", "lagoon", "quay"):
        make.tenant(name)
    shown = admin.site._registry[Tenant]
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_staff=True)
    changelist = shown.get_changelist_instance(request)
    changelist.formset = None
    with patch.object(lists, "_headers_of", wraps=lists._headers_of) as made:
        told = unfold_list.result_list({"request": request}, changelist)
        rows = [list(row) for row in told["results"]]
    assert len(rows) >= 3
    assert made.call_count == 1
    assert all(str(told["result_headers"][1]["text"]) in row[1] for row in rows)


def test_the_box_of_a_row_has_its_key_and_a_label_in_the_language_at_hand() -> None:
    with override("en"):
        drawn = lists.row_checkbox('7"><b>')
    with override("de"):
        german = lists.row_checkbox("7")
    assert "Select record" in drawn
    assert "&quot;&gt;&lt;b&gt;" in drawn
    assert 'value="7"' in german
    assert "Select record" not in german
