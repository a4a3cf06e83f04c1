from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission as UserPermission
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from apps.documents.models import Document, KnowledgeBase
from apps.models.services.registry import VersionChoices, model_activate, model_register
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import IndexGeneration, Reindex, ReindexState
from apps.retrieval.reindexing.dropping import generations_discard
from ragsite.gateway.models import Membership, Role
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import asked, library
from tests.apps.retrieval.index.reading import long_reader
from tests.apps.retrieval.reindexing.rebuilding import other_model, started, worked
from tests.apps.retrieval.reindexing.test_dropping import long_ago

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> KnowledgeBase:
    return library()


@pytest.fixture
def admin_client(base: KnowledgeBase) -> Client:
    user = User.objects.create_superuser("root")
    Membership.objects.create(user=user, tenant=base.tenant)
    client = Client()
    client.force_login(user)
    return client


def url(base: KnowledgeBase) -> str:
    return f"/admin/knowledge-bases/{base.pk}/index/"


def told(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def form(base: KnowledgeBase, **changed: Any) -> dict[str, Any]:
    live = generation_ensure(base)
    return {
        **live.chunking,
        "model": live.model_version_id,
        "switch": "auto",
        "margin": "0.02",
        "do": "start",
    } | changed


def test_the_page_of_a_knowledge_base_leads_to_its_index(admin_client: Client, base: KnowledgeBase) -> None:
    page = admin_client.get(f"/admin/documents/knowledgebase/{base.pk}/change/", follow=True)
    assert f"/admin/knowledge-bases/{base.pk}/index/" in page.content.decode()
    address = reverse("admin:documents_knowledgebase_index", args=[base.pk])
    assert admin_client.get(address, follow=True).redirect_chain[-1][0] == url(base)


def test_an_index_is_divided_on_its_page_which_says_how_many_parts_it_has(
    admin_client: Client, base: KnowledgeBase
) -> None:
    assert "is being built" in told(admin_client.post(url(base), form(base, parts="type")))
    worked(Reindex.objects.get())
    page = html.unescape(admin_client.get(url(base)).content.decode())
    assert "In parts: 1, of them by HNSW index: 0" in page
    generation = generation_ensure(base)
    row = admin_client.get(f"/admin/retrieval/indexgeneration/{generation.pk}/change/").content.decode()
    assert generation.held_in[0].partition in row


def test_two_versions_of_the_same_weights_are_told_apart(
    admin_client: Client, base: KnowledgeBase, tmp_path: Path
) -> None:
    live = generation_ensure(base).model_version
    choices = VersionChoices(query_prompt="question: ", dimensions=16)
    cut = model_register(source=live.path, name=live.model.name, choices=choices, actor=ACTOR)
    model_activate(version_id=cut.pk, actor=ACTOR)

    page = html.unescape(admin_client.get(url(base)).content.decode())

    assert f"{live}, 384 dimensions" in page
    assert f"{cut}, 16 dimensions, query 'question: '" in page
    version = html.unescape(admin_client.get(f"/admin/model_registry/modelversion/{cut.pk}/change/").content.decode())
    assert "query 'question: '" in version


def test_from_start_over_progress_and_roll_back_to_drop(
    admin_client: Client, base: KnowledgeBase, tmp_path: Path
) -> None:
    asked(base)
    smaller, old = other_model(tmp_path), generation_ensure(base)
    page = html.unescape(admin_client.get(url(base)).content.decode())
    assert "Answers searches" in page
    assert "other-24" in page
    started = admin_client.post(url(base), form(base, model=smaller.version_id, switch="manual"))
    assert "is being built" in told(started)
    reindex = Reindex.objects.get()
    assert reindex.asked_by == "root, admin"
    assert "Building: 0 of 3 passages" in admin_client.get(url(base)).content.decode()
    worked(reindex)
    ready = html.unescape(admin_client.get(url(base)).content.decode())
    assert "1.000" in ready
    assert "Let it answer" in ready
    assert "Answers searches" in told(admin_client.post(url(base), {"do": "switch"}))
    assert generation_ensure(base).pk == reindex.generation_id
    assert "Answers searches" in told(admin_client.post(url(base), {"do": "rollback"}))
    assert generation_ensure(base) == old
    narrow = long_ago(IndexGeneration.objects.get(pk=reindex.generation_id))
    dropped = admin_client.post(url(base), {"do": "drop", "generation": narrow.pk})
    assert "is dropped" in told(dropped)
    assert list(IndexGeneration.objects.all()) == [old]


def test_an_estimate_starts_nothing(admin_client: Client, base: KnowledgeBase) -> None:
    page = admin_client.post(url(base), form(base, do="plan", size=64, overlap=0))
    assert page.status_code == 200
    assert "3 documents, about 9 passages: 9 vectors to make" in told(page)
    assert not Reindex.objects.exists()


def test_the_cost_is_told_beside_the_form(admin_client: Client, base: KnowledgeBase) -> None:
    part = admin_client.post(f"{url(base)}?part=cost", form(base, do="plan", size=64, overlap=0)).content.decode()
    assert "3 documents, about 9 passages" in part
    refused = admin_client.post(f"{url(base)}?part=cost", form(base, do="plan", size=9)).content.decode()
    assert "is invalid" in refused
    assert "<html" not in part + refused
    assert not Reindex.objects.exists()


def test_a_refusal_keeps_what_was_filled_in(admin_client: Client, base: KnowledgeBase) -> None:
    page = admin_client.post(url(base), form(base, size=9, overlap=0))
    assert "is invalid" in told(page)
    assert page.context["form"]["size"].value() == "9"


def test_what_changes_is_asked_for_again_while_a_re_index_goes_on(admin_client: Client, base: KnowledgeBase) -> None:
    assert "hx-trigger" not in admin_client.get(f"{url(base)}?part=live").content.decode()
    admin_client.post(url(base), form(base, size=64, overlap=0))
    part = admin_client.get(f"{url(base)}?part=live").content.decode()
    assert "hx-trigger" in part
    assert "Building: 0 of 3 passages" in part
    assert "<html" not in part


def test_a_refusal_is_a_message(admin_client: Client, base: KnowledgeBase) -> None:
    assert "with this chunking already" in told(admin_client.post(url(base), form(base)))
    assert "is invalid" in told(admin_client.post(url(base), form(base, size=9)))
    assert "There is no button 'fly'" in told(admin_client.post(url(base), {"do": "fly"}))
    assert not Reindex.objects.exists()


def test_a_re_index_is_cancelled(admin_client: Client, base: KnowledgeBase) -> None:
    admin_client.post(url(base), form(base, size=64, overlap=0))
    assert "Cancelled" in told(admin_client.post(url(base), {"do": "cancel"}))
    assert Reindex.objects.get().state == ReindexState.CANCELLED


@pytest.mark.parametrize(
    ("permissions", "looked", "started"), [(["view_knowledgebase"], 403, 403), (["view_indexgeneration"], 200, 403)]
)
def test_who_may_not_change_a_knowledge_base_starts_nothing(
    base: KnowledgeBase, permissions: list[str], looked: int, started: int
) -> None:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(UserPermission.objects.filter(codename__in=permissions))
    Membership.objects.create(user=user, tenant=base.tenant)
    client = Client()
    client.force_login(user)
    assert client.get(url(base)).status_code == looked
    assert client.post(url(base), form(base, size=64, overlap=0)).status_code == started
    assert not Reindex.objects.exists()


def test_a_foreign_knowledge_base_is_not_shown(base: KnowledgeBase) -> None:
    user = make.member(make.tenant(), is_staff=True, is_superuser=False)
    user.user_permissions.set(
        UserPermission.objects.filter(codename__in=["view_indexgeneration", "change_knowledgebase"])
    )
    client = Client()
    client.force_login(user)
    assert client.get(url(base)).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_dropped_generation_whose_removal_waits_for_a_backup_says_so(
    admin_client: Client, base: KnowledgeBase, tmp_path: Path
) -> None:
    old = generation_ensure(base)
    worked(started(base, model=other_model(tmp_path)))
    with long_reader() as backup:
        refused = admin_client.post(url(base), {"do": "drop", "generation": long_ago(old).pk})
        assert "They are removed automatically once that has ended." in told(refused)
        waits = f"no longer read by pg_dump (role {backup.info.user}, process {backup.info.backend_pid}, since 20"
        assert "Being removed" in admin_client.get(url(base)).content.decode()
        for page in (url(base), reverse("admin:retrieval_indexgeneration_changelist")):
            assert waits in html.unescape(admin_client.get(page).content.decode())
    assert not generations_discard(turns.long())
    assert "Being removed" not in admin_client.get(url(base)).content.decode()


def test_an_editor_by_role_is_told_no_numbers_of_what_is_hidden(base: KnowledgeBase) -> None:
    client = Client()
    client.force_login(make.member(base.tenant, Role.EDITOR))
    assert [one["vectors"] for one in client.get(url(base)).context["generations"]] != [""]
    Document.objects.filter(knowledge_base=base).update(restricted=True)
    assert [one["vectors"] for one in client.get(url(base)).context["generations"]] == [""]
    assert told(client.post(url(base), form(base, size=64, overlap=0, do="plan"))).startswith("0 documents")
    client.post(url(base), form(base, size=64, overlap=0))
    assert client.get(url(base)).context["progress"].text == "Building beside the live generation."
