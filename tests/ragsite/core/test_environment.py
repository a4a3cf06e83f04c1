from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ragsite.core.environment import PROJECT_DIR, environment_read, key_named
from ragsite.core.errors import ConfigurationError

WRONG = {
    "DATABASE_URL": "mysql://localhost/rag",
    "REDIS_URL": "localhost:6379",
    "KAFKA_BOOTSTRAP_SERVERS": "localhost",
    "RAGSITE_SECRET_KEY": "short",
    "RAGSITE_EARLIER_SECRET_KEYS": f"{'x' * 40}, short",
    "RAGSITE_MAX_UPLOAD_MB": "many",
    "RAGSITE_MODEL_TRANSPORT": "pigeon",
    "RAGSITE_LEASE_SECONDS": "0",
    "RAGSITE_URL_ALLOWED_HOSTS": "example.org, http://example.org",
    "RAGSITE_URL_SECONDS": "0",
    "RAGSITE_BLOB_STORE": "s3://Bucket",
    "RAGSITE_GENERATOR": "openai:http://gpu:8000/v1",
}
SAYS = {
    "DATABASE_URL": "must begin with postgresql://",
    "REDIS_URL": "must begin with redis://",
    "KAFKA_BOOTSTRAP_SERVERS": "'localhost' is not host:port",
    "RAGSITE_SECRET_KEY": "at least 32 characters",
    "RAGSITE_EARLIER_SECRET_KEYS": "a key has fewer than 32 characters",
    "RAGSITE_MAX_UPLOAD_MB": "valid integer",
    "RAGSITE_MODEL_TRANSPORT": "'queue', 'local' or 'fake'",
    "RAGSITE_LEASE_SECONDS": "greater than or equal to 3",
    "RAGSITE_URL_ALLOWED_HOSTS": "'http://example.org' is neither host nor host:port",
    "RAGSITE_URL_SECONDS": "greater than or equal to 1",
    "RAGSITE_BLOB_STORE": "'Bucket' is no name of a bucket",
    "RAGSITE_GENERATOR": "none of extractive, local and openai:URL#MODEL, such as openai:http://127.0.0.1:8000/v1#llama-3",
}


def lines_by_variable(text: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text.strip().splitlines())


def test_all_wrong_variables_are_listed_at_once_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WRONG.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        environment_read()
    complaints = lines_by_variable(caught.value.message)
    assert complaints.keys() == WRONG.keys()
    for name, part in SAYS.items():
        assert part in complaints[name]


def test_kafka_may_be_given_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "none")
    monkeypatch.setenv("RAGSITE_REQUIRE_TLS", "true")
    assert environment_read().kafka_bootstrap_servers == "none"


def test_a_missing_variable_is_distinguished_from_a_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL")
    with pytest.raises(ConfigurationError) as caught:
        environment_read()
    assert caught.value.message.startswith("REDIS_URL: is not set; give it, or run through `manage.py`")


def test_a_secret_is_not_repeated_in_the_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGSITE_SECRET_KEY", "hunter2")
    monkeypatch.setenv("DATABASE_URL", "mysql://someone:hunter3@localhost/rag")
    with pytest.raises(ConfigurationError) as caught:
        environment_read()
    assert "hunter" not in caught.value.message


@pytest.mark.parametrize(
    ("given", "read"), [("a.example, b.example", ["a.example", "b.example"]), ("one", ["one"]), (",,", [])]
)
def test_allowed_hosts_are_read_from_one_line(monkeypatch: pytest.MonkeyPatch, given: str, read: list[str]) -> None:
    monkeypatch.setenv("RAGSITE_ALLOWED_HOSTS", given)
    assert environment_read().allowed_hosts == read


def test_a_command_in_a_wrong_environment_ends_with_the_list_and_without_a_traceback(tmp_path: Path) -> None:
    environment = {**os.environ, **WRONG, "RAGSITE_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert lines_by_variable(done.stderr).keys() == WRONG.keys()


def test_hosts_to_fetch_from_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGSITE_URL_ALLOWED_HOSTS", " Example.org , files.example:8443,")
    environment = environment_read()
    assert environment.url_allowed_hosts == {"example.org", "files.example:8443"}
    assert environment.ragsite_url_ingestion is False


@pytest.mark.parametrize("value", ["", "extractive", "local", "openai:http://gpu:8000/v1#llama-3"])
def test_what_writes_answers_is_named_by_a_word_or_an_address(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RAGSITE_GENERATOR", value)
    assert environment_read().ragsite_generator == value


@pytest.mark.parametrize("value", ["openai:http://me:sesame@gpu/v1#m", "openai:http://169.254.169.254/v1#m"])
def test_an_address_that_cannot_be_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RAGSITE_GENERATOR", value)
    with pytest.raises(ConfigurationError, match="RAGSITE_GENERATOR: ") as refused:
        environment_read()
    assert "sesame" not in refused.value.message


def test_a_key_for_a_service_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGSITE_GENERATOR_API_KEY", "sesame")
    assert "sesame" not in repr(environment_read())
    assert key_named("RAGSITE_GENERATOR_API_KEY") == "sesame"


@pytest.mark.parametrize(
    "name", ["RAGSITE_SECRET_KEY", "DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "_API_KEY", "x_API_KEY"]
)
def test_a_variable_that_is_no_services_key_cannot_be_named_as_one(name: str) -> None:
    with pytest.raises(ValueError, match="must end in _API_KEY"):
        key_named(name)
