from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ragsite.core.errors import ConfigurationError
from ragsite.core.storage.places import SECOND_SETTING, S3Place
from ragsite.stack.folders import open_lock, try_lock
from ragsite.stack.local import PROJECT_DIR, secret_key
from ragsite.stack.preflight import second_store_complaint, servers_check
from ragsite.stack.supervisor import procfile
from ragsite.stack.system import metrics_ports, system

pytestmark = pytest.mark.servers
SERVERS = ("DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS")
GIVEN = {name: os.environ[name] for name in SERVERS}


def manage(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT_DIR, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _credentials(credentials: None) -> None:
    """For the tries to reach a bucket."""


def test_servers_that_answer_pass(bucket: S3Place) -> None:
    servers_check(GIVEN)
    servers_check(GIVEN | {"RAGSITE_BLOB_STORE": f"s3://{bucket.bucket}?endpoint_url={bucket.endpoint_url}"})


def test_a_second_store_of_uploads_is_told_of_and_keeps_nothing_from_starting(tmp_path: Path, bucket: S3Place) -> None:
    def complaint(place: str) -> str:
        servers_check(GIVEN | {SECOND_SETTING: place})
        return second_store_complaint(GIVEN | {SECOND_SETTING: place})

    there = f"s3://{bucket.bucket}?endpoint_url={bucket.endpoint_url}"
    assert [complaint(place) for place in ("", f"file://{tmp_path}", there)] == ["", "", ""]
    assert complaint(f"file://{tmp_path}/away").startswith(
        f"{SECOND_SETTING}: The folder {tmp_path}/away for copies of documents is missing or cannot be written."
    )
    assert complaint(there.replace(bucket.bucket, "elsewhere")).startswith(f"{SECOND_SETTING}: ")


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("DATABASE_URL", "postgresql://u:secret@127.0.0.1:1/x"),
        ("DATABASE_URL", "nonsense"),
        ("REDIS_URL", "redis://:secret@127.0.0.1:1/0"),
        ("REDIS_URL", "nonsense"),
        ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"),
        ("RAGSITE_BLOB_STORE", "s3://bucket?endpoint_url=http://127.0.0.1:1"),
        ("RAGSITE_BLOB_STORE", "s3://key:secret@bucket"),
    ],
)
def test_a_server_that_does_not_answer_is_one_line_that_names_its_setting_and_no_password(
    setting: str, url: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        servers_check(GIVEN | {setting: url})
    assert raised.value.message.startswith(f"{setting}: ")
    assert "\n" not in raised.value.message
    assert "secret" not in raised.value.message


def test_a_second_system_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with open_lock(tmp_path / "system.lock") as lock:
        assert try_lock(lock, shared=False)
        with pytest.raises(ConfigurationError, match="RAGSITE_DATA_DIR"), system(tmp_path, GIVEN, say=lambda _: None):
            pass


def test_up_names_the_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = manage("up", RAGSITE_DATA_DIR=str(tmp_path), RAGSITE_WEB_PORT=port)
    assert done.returncode == 2
    assert done.stderr.startswith(f"RAGSITE_WEB_PORT={port}: another program listens")
    assert len(done.stderr.splitlines()) == 1


def test_processes_that_serve_no_pages_tell_their_metrics_at_ports_in_a_row_if_one_is_asked_for() -> None:
    commands = procfile(PROJECT_DIR / "Procfile", {"RAGSITE_WEB_PORT": "1", "RAGSITE_FLOWER_PORT": "2"})
    wanted = {"parsing": 9464, "general": 9465, "models": 9466, "beat": 9467, "relay": 9468, "webhooks": 9469}
    assert metrics_ports({"RAGSITE_METRICS_PORT": "9464"}, commands) == wanted
    for none in ({}, {"RAGSITE_METRICS_PORT": ""}, {"RAGSITE_METRICS_PORT": "0"}):
        assert metrics_ports(none, commands) == {}
    with pytest.raises(ConfigurationError, match="RAGSITE_METRICS_PORT"):
        metrics_ports({"RAGSITE_METRICS_PORT": "many"}, commands)


def test_a_command_without_a_database_says_so_in_one_line() -> None:
    done = manage("apikey", "x", "--json", DATABASE_URL="postgresql://u:p@127.0.0.1:1/x")
    assert done.returncode == 3
    assert done.stderr.startswith("The database does not answer: ")
    assert done.stderr.endswith("Check that it runs and that DATABASE_URL is right, then try again.\n")
    assert len(done.stderr.splitlines()) == 1
    assert json.loads(done.stdout)["error"]["code"] == "service_unavailable"


def test_the_signing_key_is_made_once_and_private(tmp_path: Path) -> None:
    key = secret_key(tmp_path)
    assert len(key) >= 32
    assert secret_key(tmp_path) == key
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
