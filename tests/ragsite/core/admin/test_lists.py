from __future__ import annotations

from unittest.mock import patch

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import RequestFactory
from django.utils.translation import override
from unfold.templatetags import unfold_list

from ragsite.core.admin import lists
from ragsite.gateway.models import Tenant
from tests import factories as make


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
