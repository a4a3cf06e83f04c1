from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.models.models import ModelTask, ModelVersion
from apps.models.services.registry import model_register
from ragsite.gateway.members import principal_of_user
from ragsite.gateway.models import Permission
from tests import factories
from tests.acting import ACTOR
from tests.apps.models.pulling import COMMIT, NAME, ask, version, work
from tests.model_server import KEY, MODEL, ModelServer, model_server, refuses

MakeCheckpoint = Callable[..., Path]
pytestmark = pytest.mark.django_db
MODELS, VERSIONS, TASKS = "/api/v1/models/", "/api/v1/model-versions/", "/api/v1/model-tasks/"


def client(*permissions: Permission) -> Client:
    key = factories.api_key(factories.tenant(), *permissions)
    return Client(headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def manager() -> Client:
    return client(Permission.READ, Permission.MODELS)


def post(by: Client, url: str, **body: Any) -> Any:
    return by.post(url, body, content_type="application/json")


def test_a_model_is_downloaded_watched_checked_activated_and_removed(manager: Client, source: Path) -> None:
    asked = post(manager, MODELS, source=NAME, revision=COMMIT)
    assert (asked.status_code, asked["Location"]) == (202, f"{TASKS}{asked.json()['id']}/")
    assert asked.json()["text"] == "Waiting."

    task = work(ModelTask.objects.get())

    seen = manager.get(asked["Location"]).json()
    assert (seen["state"], seen["bytes_done"], seen["version"]) == ("done", task.bytes_total, str(version().pk))
    listed = manager.get(MODELS).json()["results"]
    assert [(one["name"], one["is_default"], one["versions"][0]["status"]) for one in listed] == [
        (NAME, True, "active")
    ]
    one = f"{VERSIONS}{version().pk}/"
    assert manager.get(one).json()["licence"] == "apache-2.0"
    checked = post(manager, f"{one}verify/")
    assert checked.status_code == 202
    work(ModelTask.objects.get(kind="verify"))
    assert manager.get(checked["Location"]).json()["state"] == "done"
    assert post(manager, f"{one}activate/").json()["status"] == "active"
    gone = manager.delete(one)
    assert (gone.status_code, manager.get(one).status_code) == (204, 404)
    assert manager.get(gone["Location"]).json()["kind"] == "remove"


def test_prompts_and_dimensions_are_chosen_with_their_blanks(manager: Client, source: Path) -> None:
    asked = post(
        manager, MODELS, source=NAME, revision=COMMIT, query_prompt="question: ", document_prompt="", dimensions=8
    )
    work(ModelTask.objects.get())

    task = manager.get(asked["Location"]).json()
    made = manager.get(f"{VERSIONS}{version().pk}/").json()
    for shown in (task, made):
        assert (shown["query_prompt"], shown["document_prompt"], shown["dimensions"]) == ("question: ", "", 8)
    refused = post(manager, MODELS, source=NAME, revision=COMMIT, dimensions=0)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "dimensions")


def test_a_download_can_be_cancelled(manager: Client, source: Path) -> None:
    task = ask()
    assert post(manager, f"{TASKS}{task.pk}/cancel/").json()["state"] == "cancelling"
    work(task)
    again = post(manager, f"{TASKS}{task.pk}/cancel/")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize("permissions", [[Permission.READ], [Permission.READ, Permission.WRITE, Permission.GRANTS]])
def test_who_reads_sees_models_and_changes_none(permissions: list[Permission], make_checkpoint: MakeCheckpoint) -> None:
    made = model_register(source=make_checkpoint(), actor=ACTOR)
    reader, one = client(*permissions), f"{VERSIONS}{made.pk}/"

    assert reader.get(MODELS).json()["results"][0]["versions"][0]["id"] == str(made.pk)
    refused = [
        reader.get(TASKS),
        post(reader, MODELS, source=NAME, revision=COMMIT), post(reader, f"{one}activate/"), post(reader, f"{one}default/"),
        post(reader, f"{one}verify/"), reader.delete(one),
    ]  # fmt: skip
    assert {response.status_code for response in refused} == {403}
    assert "models:manage" in refused[1].json()["detail"]
    assert not ModelTask.objects.exists()
    assert ModelVersion.objects.exists()


def test_a_repository_without_a_commit_and_a_folder_of_the_server_are_refused(manager: Client, tmp_path: Path) -> None:
    branch = post(manager, MODELS, source=NAME, revision="main")
    folder = post(manager, MODELS, source=str(tmp_path), revision=COMMIT)
    assert (branch.status_code, branch.json()["code"]) == (422, "unpinned_revision")
    assert (folder.status_code, folder.json()["errors"][0]["field"]) == (422, "source")
    assert not ModelTask.objects.exists()


def test_only_superusers_can_give_the_right_to_manage_models(django_user_model: Any) -> None:
    tenant = factories.tenant()
    owner = factories.member(tenant, role="owner")
    assert "models:manage" not in principal_of_user(owner, tenant_id=tenant.pk).permissions
    admin = django_user_model.objects.create_superuser("root")
    assert "models:manage" in principal_of_user(admin, tenant_id=tenant.pk).permissions


CONNECT = f"{MODELS}connect/"


def connection(engine: ModelServer, **about: Any) -> dict[str, Any]:
    return {"name": "assistant", "kind": "generation", "urls": [engine.url], "model": MODEL, **about}


def test_a_model_at_a_server_is_connected_and_tested_and_its_key_is_not_given_back(
    manager: Client, engine: ModelServer
) -> None:
    made = post(manager, CONNECT, **connection(engine, key=KEY, by_default=True))
    assert made.status_code == 201, made.content
    assert made["Location"] == f"{VERSIONS}{made.json()['id']}/"
    seen = manager.get(made["Location"]).json()
    assert seen == made.json()
    assert (seen["status"], seen["urls"], seen["server_model"], seen["has_key"]) == (
        "active",
        [engine.url],
        MODEL,
        True,
    )
    assert KEY not in str(seen) + str(manager.get(MODELS).json())
    with model_server() as gone:
        url = gone.url
    ModelVersion.objects.update(urls=[engine.url, url])
    here, there = post(manager, f"{made['Location']}test/").json()
    assert (here["answer"], here["code"]) == ("The harbour has berths.", "")
    assert (there["url"], there["answer"], there["code"]) == (url, "", "model_server_unreachable")


def test_what_does_not_answer_is_a_problem_and_registers_nothing(manager: Client, engine: ModelServer) -> None:
    engine.then(refuses(401, f"not {KEY}"))
    refused = post(manager, CONNECT, **connection(engine, key=KEY))
    assert (refused.status_code, refused.json()["code"]) == (502, "model_key_refused")
    assert KEY not in refused.content.decode()
    engine.then(refuses(429, "later", Retry_After="7"))
    busy = post(manager, CONNECT, **connection(engine))
    assert (busy.status_code, busy.json()["code"], busy["Retry-After"]) == (503, "model_server_busy", "7")
    for wrong in ({"urls": []}, {"urls": ["http://169.254.169.254/"]}, {"key_env": "DATABASE_URL"}, {"kind": "other"}):
        assert post(manager, CONNECT, **connection(engine, **wrong)).status_code == 422
    assert not ModelVersion.objects.exists()


def test_only_those_who_manage_models_connect_them(engine: ModelServer) -> None:
    refused = post(client(Permission.READ, Permission.WRITE, Permission.QUERY), CONNECT, **connection(engine))
    assert (refused.status_code, engine.seen) == (403, [])
