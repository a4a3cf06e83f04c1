"""The page of settings that change while the system runs: who changes what where, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ragsite.core.dynamic.models import SettingChange
from ragsite.core.dynamic.places import INSTALLATION, Place
from ragsite.gateway.models import Role
from tests import factories as make

pytestmark = pytest.mark.django_db
PAGE = "/admin/settings/live/"


def sent(client: Client, place: object = "", **form: Any) -> str:
    """Submit a form of the page; what the next page says."""
    return client.post(f"{PAGE}?place={place}", form, follow=True).content.decode()


def shown(client: Client, place: object = "") -> dict[str, Any]:
    groups = client.get(f"{PAGE}?place={place}").context["groups"]
    return {one.there.row.name: one for _, rows in groups for one in rows}


def test_a_superuser_changes_the_installation_a_tenant_and_a_knowledge_base(admin_client: Client) -> None:
    base = make.knowledge_base()
    assert "Every process goes by it" in sent(admin_client, do="set", name="search.seconds", value="25,5")
    sent(admin_client, base.tenant_id, do="set", name="documents.ocr", value="true")
    sent(admin_client, base.pk, do="set", name="answers.kept_seconds", value="0")
    rows = SettingChange.objects.order_by("id").values_list("value", "tenant_id", "knowledge_base_id")
    assert list(rows) == [(25.5, None, None), (True, base.tenant_id, None), (0, base.tenant_id, base.pk)]
    found = shown(admin_client, base.pk)
    assert (found["documents.ocr"].value, found["documents.ocr"].source) == ("yes", "The tenant")
    assert (found["search.seconds"].value, found["search.seconds"].source) == ("25.5", "The installation")
    assert "sign_in.tries" not in found
    assert "sign_in.tries" in shown(admin_client)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"do": "set", "name": "search.seconds", "value": "soon"}, "search.seconds can&#x27;t be &#x27;soon&#x27;"),
        ({"do": "set", "name": "search.reranked", "value": "0"}, "Give 1 or a larger number."),
        ({"do": "set", "name": "secret_key", "value": "x"}, "There is no setting"),
        ({"do": "set", "name": "rewriting", "state": "some", "people": "nobody-here"}, "There is no user"),
        ({"do": "put-back", "name": "search.seconds", "change": "77"}, "There is no change 77"),
        ({"do": "explode"}, "What can be changed"),
    ],
)
def test_what_cant_be_changed_is_said_in_a_sentence(admin_client: Client, form: dict[str, str], told: str) -> None:
    assert told in sent(admin_client, **form)
    assert not SettingChange.objects.exists()


def test_an_owner_changes_the_tenant_and_nothing_else(visitor: Callable[..., Client]) -> None:
    mine, theirs = make.knowledge_base(), make.knowledge_base()
    owner = visitor(mine.tenant, Role.OWNER)
    assert {one.place for one in owner.get(PAGE).context["offered"]} == {Place(mine.tenant_id), Place.of_base(mine)}
    sent(owner, mine.tenant_id, do="set", name="answers.kept_seconds", value="60")
    for place in (INSTALLATION.level.value, theirs.tenant_id, theirs.pk, "nowhere"):
        refused = owner.post(f"{PAGE}?place={place}", {"do": "set", "name": "answers.kept_seconds", "value": "1"})
        assert refused.status_code == 403
    assert [row.place for row in SettingChange.objects.all()] == [Place(mine.tenant_id)]
    for role in (Role.READER, Role.EDITOR, Role.OPERATOR):
        assert visitor(mine.tenant, role).get(PAGE).status_code == 403


def test_an_owner_names_members_of_the_tenant_alone(visitor: Callable[..., Client]) -> None:
    tenant = make.tenant()
    owner, member = visitor(tenant, Role.OWNER), make.member(tenant)
    stranger = make.member(make.tenant())
    told = sent(owner, tenant.pk, do="set", name="rewriting", state="some", people=stranger.username)
    assert "There is no user" in told
    sent(owner, tenant.pk, do="set", name="rewriting", state="some", percent="5", people=member.username)
    assert SettingChange.objects.get().value == {"on": False, "percent": 5, "people": [str(member.pk)]}
    assert f'value="{member.username}"' in owner.get(f"{PAGE}?place={tenant.pk}").content.decode()


def test_the_history_says_who_and_a_change_is_put_back(admin_client: Client, admin_user: User) -> None:
    sent(admin_client, do="set", name="rewriting", state="off")
    sent(admin_client, do="set", name="rewriting", state="some", percent="20")
    page = admin_client.get(f"{PAGE}?place=installation&history=rewriting")
    changes = page.context["changes"]
    assert [(one.before, one.after) for one in changes] == [("off", "on for 20 of 100"), ("not set", "off")]
    assert admin_user.username in changes[0].who
    sent(admin_client, do="put-back", name="rewriting", change=changes[0].row.pk)
    sent(admin_client, do="unset", name="rewriting")
    values = SettingChange.objects.order_by("id").values_list("value__percent", flat=True)
    assert list(values) == [0, 20, 0, None]
    assert "Nobody has changed it here." in admin_client.get(f"{PAGE}?history=search.seconds").content.decode()


def test_the_page_takes_as_many_queries_however_much_is_set(admin_client: Client) -> None:
    base = make.knowledge_base()

    def queries() -> int:
        admin_client.get(f"{PAGE}?place={base.pk}")
        with CaptureQueriesContext(connection) as asked:
            admin_client.get(f"{PAGE}?place={base.pk}")
        return len(asked)

    before = queries()
    for name, value in (("documents.ocr", "true"), ("answers.kept_seconds", "5"), ("search.seconds", "2")):
        sent(admin_client, base.pk, do="set", name=name, value=value)
    assert queries() == before
