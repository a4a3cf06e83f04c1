from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from apps.models.held_model import HeldModel
from apps.models.models import ModelOrder, ModelStatus, ModelTask, ModelVersion
from apps.models.services.holding import cache_tell
from apps.models.services.registry import model_register
from ragsite.core.admin.base import row_url
from tests import factories
from tests.acting import ACTOR
from tests.apps.models.making import cross_encoder_make
from tests.apps.models.pulling import COMMIT, NAME, version, work
from tests.model_server import KEY, MODEL, ModelServer, refuses

MakeCheckpoint = Callable[..., Path]
pytestmark = pytest.mark.django_db
TASKS = "/admin/model_registry/modeltask/"
ADD = f"{TASKS}add/"
CONFIRMED = {"_form_submitted": "True"}


def page(row: Any, name: str) -> str:
    return row_url(row).replace("/change/", f"/{name}/")


def test_a_model_is_downloaded_from_a_form_and_its_progress_is_shown(admin_client: Client, source: Path) -> None:
    done = admin_client.post(
        ADD, {"source": NAME, "revision": COMMIT, "name": "", "file": "", "sha256": ""}, follow=True
    )

    task = ModelTask.objects.get()
    assert "a model worker downloads it" in done.content.decode()
    assert (task.name, task.actor["name"], task.actor["door"]) == (NAME, "admin", "admin")
    work(task)
    assert "admin" in admin_client.get(row_url(task)).content.decode()
    assert "apache-2.0" in admin_client.get(row_url(version())).content.decode()


@pytest.mark.parametrize(("ticked", "prompts"), [({}, (None, "text: ")), ({"as_given": "on"}, ("", "text: "))])
def test_prompts_and_dimensions_are_chosen_in_the_form_with_their_blanks(
    admin_client: Client, source: Path, ticked: dict[str, str], prompts: tuple[str | None, str]
) -> None:
    form = {"source": NAME, "revision": COMMIT, "query_prompt": "", "document_prompt": "text: ", "dimensions": "8"}
    admin_client.post(ADD, {**form, **ticked}, follow=True)

    task = ModelTask.objects.get()
    assert (task.query_prompt, task.document_prompt, task.dimensions) == (*prompts, 8)
    assert admin_client.get(row_url(task)).status_code == 200


def test_a_form_that_pins_nothing_is_refused_in_words(admin_client: Client) -> None:
    told = admin_client.post(ADD, {"source": NAME, "revision": "main"}, follow=True).content.decode()
    assert "Give the full 40-digit commit hash" in told
    assert not ModelTask.objects.exists()


def test_versions_are_used_checked_and_removed_by_buttons(
    admin_client: Client, make_checkpoint: MakeCheckpoint
) -> None:
    old = model_register(source=make_checkpoint("old"), name="tiny", actor=ACTOR)
    new = model_register(source=make_checkpoint("new", seed=1), name="tiny", actor=ACTOR)

    admin_client.post(page(new, "use"), CONFIRMED)
    assert ModelVersion.objects.get(pk=new.pk).status == ModelStatus.ACTIVE
    admin_client.post(page(old, "use_by_default"), CONFIRMED)
    assert ModelVersion.objects.get(pk=old.pk).status == ModelStatus.ACTIVE
    admin_client.post(page(old, "check_files"), CONFIRMED)
    task = ModelTask.objects.get()
    admin_client.post(page(task, "cancel"), CONFIRMED)
    work(task)
    admin_client.post(page(new, "forget"), CONFIRMED)
    assert list(ModelVersion.objects.values_list("pk", flat=True)) == [old.pk]


def test_a_fallback_is_chosen_among_versions_of_its_kind_and_taken_back(
    admin_client: Client, make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    large = model_register(source=make_checkpoint("large"), actor=ACTOR)
    small = model_register(source=make_checkpoint("small", seed=1), actor=ACTOR)
    (other := tmp_path / "other").mkdir()
    reranker = model_register(source=cross_encoder_make(other), actor=ACTOR)

    offered = admin_client.get(page(large, "fall_back")).content.decode()
    assert [f'value="{one.pk}"' in offered for one in (small, large, reranker)] == [True, False, False]
    admin_client.post(page(large, "fall_back"), {**CONFIRMED, "version": str(small.pk)})
    assert ModelVersion.objects.get(pk=large.pk).fallback_id == small.pk
    admin_client.post(page(large, "fall_back"), {**CONFIRMED, "version": ""})
    assert ModelVersion.objects.get(pk=large.pk).fallback_id is None


def test_workers_are_told_to_load_keep_and_unload_by_buttons(
    admin_client: Client, make_checkpoint: MakeCheckpoint
) -> None:
    made = model_register(source=make_checkpoint(), actor=ACTOR)
    for name in ("load", "warm", "unload"):
        admin_client.post(page(made, name), CONFIRMED)
    assert list(ModelOrder.objects.order_by("pk").values_list("kind", flat=True)) == ["load", "warm", "unload"]


BUTTONS = ("use", "use_by_default", "fall_back", "check_files", "load", "warm", "unload", "forget")


def test_a_page_offers_what_would_change_something(admin_client: Client, make_checkpoint: MakeCheckpoint) -> None:
    made = model_register(source=make_checkpoint(), actor=ACTOR)

    def offered() -> list[str]:
        shown = admin_client.get(row_url(made)).content.decode()
        return [name for name in BUTTONS if page(made, name) in shown]

    assert offered() == ["fall_back", "check_files", "load", "warm", "forget"]
    held = HeldModel(made.pk, "cpu", 1, loaded_at=timezone.now(), last_used_at=timezone.now(), uses=1, pinned=False)
    cache_tell("worker", [held], actor=ACTOR)
    assert offered() == ["fall_back", "check_files", "load", "unload", "forget"]
    ModelVersion.objects.filter(pk=made.pk).update(status=ModelStatus.RETIRED)
    assert offered() == ["use", "use_by_default", "fall_back", "check_files", "load", "unload", "forget"]


def test_staff_who_may_only_look_get_no_buttons(make_checkpoint: MakeCheckpoint) -> None:
    made = model_register(source=make_checkpoint(), actor=ACTOR)
    user = User.objects.create_user("looker", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_modelversion"))
    looker = Client()
    looker.force_login(user)

    for name in BUTTONS:
        assert looker.post(page(made, name), CONFIRMED).status_code in {302, 403}
    assert looker.get(ADD).status_code == 403
    assert ModelVersion.objects.get().status == ModelStatus.ACTIVE
    assert not ModelTask.objects.exists()
    shown = looker.get(row_url(made)).content.decode()
    assert made.sha256 in shown
    assert made.path not in shown


def test_a_model_is_added_and_tested_from_where_the_models_are(
    admin_client: Client, make_checkpoint: MakeCheckpoint
) -> None:
    made = model_register(source=make_checkpoint(), actor=ACTOR)
    shown = admin_client.get("/admin/model_registry/model/").content.decode()
    assert "Download a model" in shown
    assert admin_client.get("/admin/model_registry/model/download", follow=True).redirect_chain[-1][0] == ADD
    assert admin_client.post(page(made.model, "test"), CONFIRMED).headers["HX-Redirect"] == TASKS
    assert ModelTask.objects.get().version == made
    ModelVersion.objects.update(status=ModelStatus.READY)
    assert admin_client.post(page(made.model, "test"), CONFIRMED).headers["HX-Redirect"] == row_url(made.model)
    assert "No version of" in admin_client.get(row_url(made.model)).content.decode()
    assert ModelTask.objects.count() == 1


CONNECT = "/admin/model_registry/model/connect/"


def filled_in(engine: ModelServer, **about: Any) -> dict[str, Any]:
    return {"urls": engine.url, "model": MODEL, "name": "assistant", "kind": "generation", "by_default": "on", **about}


def test_a_language_model_is_connected_from_a_form_and_answers_from_then_on(
    admin_client: Client, engine: ModelServer
) -> None:
    assert "Connect a language model" in admin_client.get("/admin/model_registry/model/").content.decode()
    assert "Test connection" in admin_client.get(CONNECT).content.decode()
    done = admin_client.post(CONNECT, filled_in(engine, key=KEY), follow=True).content.decode()
    made = ModelVersion.objects.get()
    assert "assistant is connected: the next question is answered by it." in done
    assert (made.status, made.model.is_default, made.urls) == (ModelStatus.ACTIVE, True, [engine.url])
    assert "stored, encrypted" in done
    assert KEY not in done
    assert made.key_sealed not in done
    for asked_of, button in ((made, "ask_servers"), (made.model, "test")):
        asked = admin_client.post(page(asked_of, button), CONFIRMED)
        assert asked.headers["HX-Redirect"] == row_url(asked_of)
        assert "answered" in admin_client.get(row_url(asked_of)).content.decode()


def test_a_connection_is_tried_without_being_made(admin_client: Client, engine: ModelServer) -> None:
    tried = admin_client.post(CONNECT, filled_in(engine, test="1")).content.decode()
    assert "The harbour has berths." in tried
    listed = admin_client.post(CONNECT, filled_in(engine, test="1", model="", name="")).content.decode()
    assert f'data-value="{MODEL}"' in listed
    engine.then(refuses(401, f"not {KEY}"))
    refused = admin_client.post(CONNECT, filled_in(engine, test="1", key=KEY)).content.decode()
    assert "refused the key" in refused
    assert KEY not in refused
    engine.list_fails = True
    assert "It answers" in admin_client.post(CONNECT, filled_in(engine, test="1")).content.decode()
    assert "failed (500)" in admin_client.post(CONNECT, filled_in(engine, test="1", model="")).content.decode()
    wrong = admin_client.post(CONNECT, filled_in(engine, test="1", urls="ftp://gpu")).content.decode()
    assert "is no http or https address" in wrong
    assert "ends in _API_KEY" in admin_client.post(CONNECT, filled_in(engine, test="1", key_env="x")).content.decode()
    assert not ModelVersion.objects.exists()


def test_a_form_that_cannot_be_connected_says_why_and_keeps_what_was_typed_but_the_key(
    admin_client: Client, engine: ModelServer
) -> None:
    told = admin_client.post(CONNECT, filled_in(engine, model="unknown", key=KEY)).content.decode()
    assert f"it offers {MODEL}" in told
    assert 'value="unknown"' in told
    assert KEY not in told
    both = admin_client.post(CONNECT, filled_in(engine, key=KEY, key_env="HARBOUR_API_KEY")).content.decode()
    assert "and not both" in both
    assert not ModelVersion.objects.exists()


def test_staff_who_may_only_look_cannot_connect(engine: ModelServer) -> None:
    user = User.objects.create_user("onlooker", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_model"))
    onlooker = Client()
    onlooker.force_login(user)
    assert "Connect a language model" not in onlooker.get("/admin/model_registry/model/").content.decode()
    assert onlooker.post(CONNECT, filled_in(engine)).status_code == 403
    assert engine.seen == []


def test_a_model_is_tried_on_what_somebody_types(admin_client: Client, tmp_path: Path) -> None:
    tried = page(factories.embedding_model(), "try")
    assert "A berth costs 31 euros a night." in admin_client.get(tried).content.decode()
    told = admin_client.post(tried, {"text": "A berth?", "passages": "A berth.\n\nThe office."}).content.decode()
    assert "A vector of 384 numbers" in told
    assert told.count("<blockquote") == 2
    assert re.search(r"\d+ ms", told)
    assert "Type something first." in admin_client.post(tried, {"text": ""}).content.decode()
    reranker = page(model_register(source=cross_encoder_make(tmp_path), actor=ACTOR), "try")
    ranked = admin_client.post(reranker, {"text": "A berth?", "passages": "A berth."}).content.decode()
    assert "the one that answers best first" in ranked
    of_model = page(factories.embedding_model().model, "try")
    assert admin_client.get(of_model)["Location"] == tried


def test_only_superusers_are_told_of_folders_of_the_machine_and_only_who_may_change_models_tries_them() -> None:
    made = factories.embedding_model()
    user = User.objects.create_user("changer", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=["view_model", "view_modelversion", "change_modelversion"])
    )
    changer = Client()
    changer.force_login(user)
    superuser = Client()
    superuser.force_login(User.objects.create_superuser("boss"))
    assert made.path in superuser.get(row_url(made)).content.decode()
    assert "models register" in superuser.get("/admin/model_registry/model/folder", follow=True).content.decode()
    assert made.path not in changer.get(row_url(made)).content.decode()
    assert "From a folder" not in changer.get("/admin/model_registry/model/").content.decode()
    assert changer.get("/admin/model_registry/model/folder", follow=True).status_code == 403
    assert changer.get(page(made, "try")).status_code == 200
    user.user_permissions.remove(Permission.objects.get(codename="change_modelversion"))
    assert Client().get(page(made, "try")).status_code == 302
    changer.force_login(User.objects.get(pk=user.pk))
    assert changer.post(page(made, "try"), {"text": "A berth?"}).status_code == 403
