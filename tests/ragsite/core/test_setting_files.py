from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ragsite.core.dynamic.registry import DYNAMIC_SETTINGS
from ragsite.core.environment import PROJECT_DIR, VARIABLES, environment_read, key_named
from ragsite.core.errors import ConfigurationError
from ragsite.core.setting_files import files_take_in

KEY = "k" * 40


def written(folder: Path, text: str, *, name: str = "secret") -> str:
    file = folder / name
    file.write_text(text)
    return str(file)


def test_a_setting_is_read_from_the_file_that_is_named_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAGSITE_SECRET_KEY")
    monkeypatch.setenv("RAGSITE_SECRET_KEY_FILE", written(tmp_path, f"{KEY}\n"))
    monkeypatch.setenv("RAGSITE_PARSER_SECONDS", "")  # of two, the one that says something holds
    monkeypatch.setenv("RAGSITE_PARSER_SECONDS_FILE", written(tmp_path, "61", name="seconds"))
    read = environment_read()
    assert (read.ragsite_secret_key, read.ragsite_parser_seconds) == (KEY, 61)
    assert "RAGSITE_SECRET_KEY" not in os.environ


def test_every_file_that_cannot_be_read_is_listed_with_what_is_wrong_and_nothing_of_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {
        "DATABASE_URL": (written(tmp_path, "mysql://me:sesame@db/x"), "must begin with postgresql://"),
        "REDIS_URL": (str(tmp_path / "none"), "can't be read: [Errno 2] No such file"),
        "RAGSITE_SECRET_KEY": (str(tmp_path), "can't be read: [Errno 21] Is a directory"),
        "RAGSITE_AUDIT_KEY": (written(tmp_path, " \n", name="empty"), "there is nothing in"),
        "RAGSITE_TOKEN_KEYS": (written(tmp_path, f"one:{KEY}\n{KEY}", name="lines"), "there is more than one line in"),
    }
    for variable, (file, _) in wrong.items():
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv(f"{variable}_FILE", file)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS_FILE", written(tmp_path, "kafka:9092", name="kafka"))
    with pytest.raises(ConfigurationError) as refused:
        environment_read()
    said = dict(line.split(": ", 1) for line in refused.value.message.splitlines())
    assert said.pop("KAFKA_BOOTSTRAP_SERVERS_FILE") == "KAFKA_BOOTSTRAP_SERVERS is set, too: give one of them"
    assert said.keys() == {f"{variable}_FILE" for variable in wrong}
    assert all(part in said[f"{variable}_FILE"] for variable, (_, part) in wrong.items())
    assert KEY not in refused.value.message
    assert "sesame" not in refused.value.message


def test_a_key_of_another_service_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTED_API_KEY_FILE", written(tmp_path, "sesame\n"))
    assert key_named("HOSTED_API_KEY") == "sesame"
    monkeypatch.setenv("HOSTED_API_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="can't be read"):
        key_named("HOSTED_API_KEY")


def test_a_dynamic_setting_in_a_file_counts_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = next(one for one in DYNAMIC_SETTINGS if one.variable == "RAGSITE_SEARCH_SECONDS")
    assert not row.is_given
    monkeypatch.setenv("RAGSITE_SEARCH_SECONDS_FILE", written(tmp_path, "3"))
    assert row.is_given


def test_what_reads_the_environment_alone_is_given_what_files_say(tmp_path: Path) -> None:
    environ = {"DATABASE_OWNER_URL_FILE": written(tmp_path, "postgresql://owner@db/x"), "REDIS_URL": "redis://r"}
    files_take_in(VARIABLES, environ)
    assert environ == {"DATABASE_OWNER_URL": "postgresql://owner@db/x", "REDIS_URL": "redis://r"}


def test_a_command_whose_secret_cannot_be_read_starts_no_server_of_its_own(tmp_path: Path) -> None:
    """It would take the address for one that is not given, and write into an empty database."""
    environ = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environ |= {"DATABASE_URL_FILE": str(tmp_path / "none"), "RAGSITE_DATA_DIR": str(tmp_path / "data")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=PROJECT_DIR, env=environ, capture_output=True, text=True, timeout=60, check=False
        )

    done, helped = run("check"), run("relay", "--help")
    assert done.returncode == 2, done.stderr
    assert "DATABASE_URL_FILE: can't be read" in done.stderr
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()
