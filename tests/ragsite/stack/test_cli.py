from __future__ import annotations

import json
import os
import shlex
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from ragsite.stack.broker import BrokerServer
from ragsite.stack.cli import main
from ragsite.stack.stack import Stack


@pytest.mark.servers
def test_up_prints_addresses_without_passwords_and_env_lines_that_a_shell_can_take(
    outside: Path, make_stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_stack()
    assert main(["up"]) == 0
    printed = capsys.readouterr().out
    assert main(["env"]) == 0
    lines = capsys.readouterr().out.splitlines()
    exports = dict(shlex.split(line)[1].split("=", 1) for line in lines if line.startswith("export "))
    assert set(exports) == {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "PATH"}
    programs, _, rest = exports["PATH"].partition(":")
    assert ((Path(programs) / "pg_dump").exists(), rest) == (True, "$PATH")
    assert [line.split()[1:3] for line in printed.splitlines()[:3]] == [
        ["postgresql", "running"],
        ["redis", "running"],
        ["broker", "running"],
    ]
    secrets = {urlsplit(url).password for url in exports.values()} - {None}
    assert secrets
    assert not any(secret in printed for secret in secrets)
    with redis.Redis.from_url(exports["REDIS_URL"]) as client:
        assert client.ping()

    for name in exports.keys() - {"PATH"}:
        monkeypatch.setenv(name, exports[name])
    assert main(["status", "--json"]) == 0
    statuses = json.loads(capsys.readouterr().out)
    assert [status["state"] for status in statuses] == ["running"] * 3
    assert all(status["address"].startswith("127.0.0.1:") and status["pid"] for status in statuses)

    assert main(["down"]) == 0
    assert capsys.readouterr().out.count("stopped") == 3


def test_status_before_the_first_start_says_stopped_and_writes_nothing(
    outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--json"]) == 1
    statuses = json.loads(capsys.readouterr().out)
    assert [(status["state"], status["address"], status["pid"]) for status in statuses] == [("stopped", None, None)] * 3
    assert not (outside / "stack").exists()


@pytest.mark.parametrize("action", ["up", "env", "down"])
def test_a_dry_run_says_which_servers_it_is_about_and_starts_and_writes_nothing(
    outside: Path, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    assert main([action, "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    expected = (
        "0 servers would be stopped" if action == "down" else "3 servers (postgresql, redis, broker) would be started"
    )
    assert told["dry_run"] is True
    assert told["text"].startswith(expected)
    assert not (outside / "stack").exists()


def test_down_before_the_first_start_succeeds_and_writes_nothing(outside: Path) -> None:
    assert main(["down"]) == 0
    assert not (outside / "stack").exists()


def failure(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one line that a command writes whose settings are wrong."""
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_folder_that_can_not_be_made_is_named_with_its_setting(
    outside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (outside / "file").write_text("")
    monkeypatch.setenv("RAGSITE_DATA_DIR", str(outside / "file"))
    line = failure(capsys, "up")
    assert str(outside / "file") in line
    assert "RAGSITE_DATA_DIR" in line


def test_a_busy_port_is_named_with_its_setting(
    outside: Path, make_stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only_redis: Stack = make_stack(only="redis")
    for server in ("postgresql", "broker"):
        monkeypatch.setenv(only_redis.server(server).variable, "elsewhere.example:1")
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        monkeypatch.setenv("RAGSITE_REDIS_PORT", str(port))
        line = failure(capsys, "up")
    assert f"RAGSITE_REDIS_PORT={port}" in line
    assert only_redis.server("redis").pid is None


@pytest.mark.servers
def test_ctrl_c_stops_what_up_has_started_and_says_so(
    outside: Path, make_stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere.example/rag")
    stack = make_stack(environ={"DATABASE_URL": "postgresql://elsewhere.example/rag"})
    monkeypatch.setattr(BrokerServer, "_answers", lambda _: os.kill(os.getpid(), signal.SIGINT))
    assert main(["up"]) == 130
    assert capsys.readouterr().err.splitlines() == [
        "stopping broker",
        "stopping redis",
        "stopped; what was started here does not run any more",
    ]
    assert [stack.server(name).pid for name in ("redis", "broker")] == [None, None]


@pytest.mark.parametrize("value", ["six", "0", "65536", "-1"])
def test_a_setting_that_is_no_port_is_quoted(
    outside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    monkeypatch.setenv("RAGSITE_POSTGRESQL_PORT", value)
    assert f"RAGSITE_POSTGRESQL_PORT={value!r} is not a port" in failure(capsys, "up")
