"""`manage.py settings`: what is typed becomes a value, at the place that is named."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ragsite.core.dynamic.models import SettingChange
from ragsite.core.dynamic.places import INSTALLATION, Place
from tests import factories as make

pytestmark = pytest.mark.django_db


def told(*words: str) -> Any:
    out = io.StringIO()
    call_command("settings", *words, "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("search.seconds", "20", 20.0),
        ("documents.ocr", "true", True),
        ("limits.of_key", "answers=10/minute", "answers=10/minute"),
        ("limits.without_redis", "open", "open"),
        ("rewriting", "off", {"on": False, "percent": 0, "people": []}),
        ("rewriting", "25%", {"on": False, "percent": 25, "people": []}),
        ("rewriting", '{"on": false, "people": ["12"]}', {"on": False, "percent": 0, "people": ["12"]}),
    ],
)
def test_what_is_typed_is_set(name: str, typed: str, value: object) -> None:
    assert told("set", name, typed) == {"dry_run": False, "name": name, "level": "installation", "value": value}
    assert [(row.value, row.place) for row in SettingChange.objects.all()] == [(value, INSTALLATION)]


def test_a_place_is_named_by_its_tenant_or_knowledge_base_and_what_was_changed_comes_back() -> None:
    base = make.knowledge_base(name="Handbooks")
    told("set", "answers.kept_seconds", "60", "--tenant", base.tenant.slug)
    told("set", "answers.kept_seconds", "0", "--knowledge-base", "Handbooks")
    assert {row.place for row in SettingChange.objects.all()} == {Place(base.tenant_id), Place.of_base(base)}
    listed = {one["name"]: one for one in told("list", "--knowledge-base", "Handbooks")["settings"]}
    assert (listed["answers.kept_seconds"]["value"], listed["answers.kept_seconds"]["source"]) == (0, "knowledge_base")
    (change,) = told("history", "answers.kept_seconds", "--knowledge-base", "Handbooks")
    assert (change["by"], change["before"], change["value"]) == ("manage.py settings", None, 0)
    back = ["put-back", "answers.kept_seconds", str(change["change"]), "--knowledge-base", "Handbooks"]
    assert told(*back)["value"] is None
    told("unset", "answers.kept_seconds", "--tenant", base.tenant.slug)
    assert {one["source"] for one in told("list", "--knowledge-base", "Handbooks")["settings"]} <= {
        "default",
        "environment",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("set", "search.seconds", "soon"), r"search\.seconds can't be 'soon'\. Give a number, such as 10"),
        (("set", "secret_key", "x"), "There is no setting 'secret_key'"),
        (("history", "secret_key"), "There is no setting 'secret_key'"),
        (("set", "sign_in.tries", "3", "--tenant", "none"), "There is no tenant 'none'"),
        (("put-back", "search.seconds", "7"), "There is no change 7"),
    ],
)
def test_what_cant_be_done_is_said(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        told(*words)
    assert not SettingChange.objects.exists()
