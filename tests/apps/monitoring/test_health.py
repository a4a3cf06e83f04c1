from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from apps.documents.lifecycle.stages import ACTIVATE, CHUNK, EMBED, PARSE
from apps.monitoring import health, health_page
from ragsite.core.configuration import ServerSettings
from ragsite.core.models import OutboxEvent, WorkerPresence
from ragsite.core.presence import GONE_SECONDS, presence_tell
from ragsite.core.storage.places import FolderPlace, storages_at
from ragsite.core.storage.s3_client import s3_errors
from ragsite.core.transport import NO_KAFKA
from tests import factories as make

pytestmark = pytest.mark.django_db

UNREACHABLE = "127.0.0.1:1"


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture(autouse=True)
def _workers() -> None:
    """One that takes up files, and one with models."""
    presence_tell(worker="general@here", jobs=[PARSE, CHUNK, ACTIVATE])
    presence_tell(worker="models@here", jobs=[EMBED])


def test_a_process_that_answers_lives(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_it_is_ready_when_all_that_it_needs_answers(client: Client) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 200
    checks = dict.fromkeys(("database", "redis", "kafka", "blobs", "workers"), "ok") | {
        "second-blobs": "not configured"
    }
    assert response.json() == {"status": "ok", "checks": checks}


@pytest.mark.parametrize(("address", "same"), [("/healthz", "/health/live"), ("/readyz", "/health/ready")])
def test_what_orchestrators_ask_for_by_habit_says_the_same(client: Client, address: str, same: str) -> None:
    assert client.get(address).json() == client.get(same).json()


def test_the_broker_is_asked_by_one_client_however_often(client: Client, settings: Any) -> None:
    settings.RAGSITE_KAFKA_BOOTSTRAP_SERVERS = UNREACHABLE
    before = threading.active_count()
    made = {id(health._kafka(tuple(ServerSettings.current().kafka_client.items()))) for _ in range(3)}
    assert len(made) == 1
    assert threading.active_count() == before


def test_without_redis_it_goes_on_and_says_so(client: Client, settings: Any) -> None:
    settings.RAGSITE_REDIS_URL = f"redis://:hunter2@{UNREACHABLE}/0"
    response = client.get("/health/ready")
    assert response.status_code == 200
    body = response.json()
    assert (body["status"], body["checks"]["database"], body["checks"]["kafka"]) == ("degraded", "ok", "ok")
    assert body["checks"]["redis"] == "Redis does not answer."
    assert "hunter2" not in response.content.decode()


def test_a_kafka_that_is_not_wanted_is_nothing_to_worry_about(
    client: Client, admin_client: Client, settings: Any
) -> None:
    settings.RAGSITE_KAFKA_BOOTSTRAP_SERVERS = NO_KAFKA
    body = client.get("/readyz").json()
    assert (body["status"], body["checks"]["kafka"]) == ("ok", "not configured")
    page = admin_client.get("/admin/health/?part=checks").content.decode()
    assert "None is configured, so events go nowhere." in page


def test_without_kafka_it_goes_on_and_says_so(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.3)
    settings.RAGSITE_KAFKA_BOOTSTRAP_SERVERS = UNREACHABLE
    body = client.get("/health/ready").json()
    assert (body["status"], body["checks"]["redis"]) == ("degraded", "ok")
    assert body["checks"]["kafka"] != "ok"


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (
            "models@here",
            "No model worker listens: documents wait to be embedded, and searches by models that run there go by words alone.",
        ),
        ("general@here", "No worker listens for parse, chunk, activate: documents wait there."),
    ],
)
def test_without_a_worker_that_listens_it_goes_on_and_says_what_waits(client: Client, gone: str, said: str) -> None:
    WorkerPresence.objects.filter(worker=gone).update(seen_at=Now() - timedelta(seconds=GONE_SECONDS + 1))
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["workers"] == f"{said} Start one, or see its log."


def test_without_the_database_it_is_not_ready_but_lives(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = connection.copy()
    nowhere.settings_dict["PORT"] = "1"
    monkeypatch.setattr(health, "connection", nowhere)
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["status"] == "down"
    assert response.json()["checks"]["database"] == "The database does not answer."
    assert client.get("/health/live").status_code == 200


def test_a_database_that_cannot_hold_vectors_is_reported(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = pg_catalog")
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert "has no pgvector" in response.json()["checks"]["database"]


def test_what_drivers_say_of_hosts_and_users_is_in_the_log_alone(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses() -> None:
        with s3_errors("minutes"):
            raise EndpointConnectionError(endpoint_url="http://minio.internal:9000/minutes")

    nowhere = connection.copy()
    nowhere.settings_dict["PORT"] = "1"
    monkeypatch.setattr(health, "connection", nowhere)
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setitem(health.CHECKS, "blobs", replace(health.CHECKS["blobs"], run=refuses))
    settings.RAGSITE_REDIS_URL = f"redis://{UNREACHABLE}/0"
    settings.RAGSITE_KAFKA_BOOTSTRAP_SERVERS = UNREACHABLE
    told = client.get("/health/ready").json()["checks"]
    assert not re.search(r"\d|internal|minutes|ragsite", " ".join(told.values()))
    assert "minio.internal" in caplog.text
    assert all(f"{part} is not ready" in caplog.text for part in ("database", "redis", "kafka", "blobs"))


def test_a_second_store_that_is_away_shows_without_its_place_and_keeps_nothing_from_being_ready(
    client: Client, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "secret-disk"
    settings.STORAGES = {**settings.STORAGES, **storages_at(None, FolderPlace(folder))}
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["second-blobs"] == health.NO_SECOND_STORAGE
    assert "second-blobs is not ready" in caplog.text
    folder.mkdir()
    assert client.get("/health/ready").json()["checks"]["second-blobs"] == "ok"


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/healthz", "/readyz", "/metrics"])
def test_operators_need_no_key_and_learn_nothing_of_the_contents(client: Client, path: str) -> None:
    base = make.knowledge_base(name="Secret plans")
    make.upload(base, "Nobody may know this.", filename="secret.txt")
    response = client.get(path)
    assert response.status_code == 200
    assert not re.search(rb"secret|Secret|Nobody", response.content)
    assert OutboxEvent.objects.count() == 1


def test_metrics_count_requests_by_route_and_not_by_address(client: Client) -> None:
    make.client(make.tenant()).get("/api/v1/documents/01890000-0000-7000-8000-000000000000/")
    metrics = client.get("/metrics")
    assert metrics["Content-Type"].startswith("text/plain")
    text = metrics.content.decode()
    assert "django_http_requests_total_by_view_transport_method_total{" in text
    assert 'view="document-detail"' in text
    assert "01890000" not in text


def test_staff_read_the_state_of_each_part_on_a_page(client: Client, admin_client: Client, settings: Any) -> None:
    assert client.get("/admin/health/").status_code == 302
    assert 'hx-get="?part=checks"' in admin_client.get("/admin/health/").content.decode()
    settings.RAGSITE_REDIS_URL = f"redis://:hunter2@{UNREACHABLE}/0"
    page = admin_client.get("/admin/health/?part=checks").content.decode()
    assert page.count("check_circle") == 4
    assert (
        '<td class="rag-muted"><span class="material-symbols-outlined" aria-hidden="true">remove</span>None is configured'
        in page
    )
    assert "Redis does not answer." in page
    assert "hunter2" not in page
    assert {one.name for one in health_page.checked()} == {told.name for told in health_page.TOLD.values()}
