"""docker-compose.yml: valid, the same processes as the Procfile, and every setting of theirs given."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ragsite.core.environment import Environment
from workers.queues import POOLS, Queue

PROJECT = Path(__file__).resolve().parents[2]
COMPOSE = PROJECT / "docker-compose.yml"
GPU, AIRFLOW = (PROJECT / "deploy" / f"compose.{name}.yml" for name in ("gpu", "airflow"))
TEXT = COMPOSE.read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
SERVERS = {name: service for name, service in SERVICES.items() if "build" not in service}

# A container is reached from outside: it listens everywhere, at a port of its own choice.
IN_CONTAINER = {"127.0.0.1": "0.0.0.0", "${RAGSITE_WEB_PORT}": "8000", "${RAGSITE_FLOWER_PORT}": "5555"}  # noqa: S104

# What our processes read besides the typed environment: manage.py, uvicorn, Flower, and the client of a bucket.
CREDENTIALS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
READ_ELSEWHERE = {"DATABASE_OWNER_URL", "FORWARDED_ALLOW_IPS", "FLOWER_BASIC_AUTH"} | CREDENTIALS
SERVER_VARIABLES = {
    "postgres": r"POSTGRES_(PASSWORD|INITDB_ARGS)|RAGSITE_(OWNER|APP)_PASSWORD",
    "redis": r"REDISCLI_AUTH",
    "kafka": r"KAFKA_[A-Z_]+",
    "clickhouse": r"CLICKHOUSE_(DB|USER|PASSWORD)",
}
# Of one process only, and part of its command.
IN_A_COMMAND = {"RAGSITE_MODEL_TRANSPORT"}
SETTINGS = {name.upper() for name in Environment.model_fields}


def procfile(name: str = "Procfile") -> dict[str, str]:
    lines = (PROJECT / name).read_text().splitlines()
    return {name: command.strip() for name, _, command in (line.partition(":") for line in lines if line.strip())}


def fresh_secrets() -> dict[str, str]:
    printed = subprocess.run([PROJECT / "deploy" / "secrets.sh"], capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in printed.splitlines())


def given(service: dict[str, Any], shell: dict[str, str]) -> dict[str, str]:
    """The environment Compose gives a service, for a shell that holds nothing but `shell`."""

    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        return shell[name] if name in shell or default is None else default

    pattern = r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}"
    return {
        name: re.sub(pattern, value, str(text)) for name, text in service["environment"].items() if text is not None
    }


@pytest.mark.parametrize("path", [COMPOSE, GPU, AIRFLOW], ids=lambda path: path.name)
def test_a_compose_file_follows_the_compose_specification(path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", procfile())
def test_each_process_of_the_procfile_is_a_service_with_its_command(name: str) -> None:
    expected = procfile()[name]
    for here, there in IN_CONTAINER.items():
        expected = expected.replace(here, there)
    assert SERVICES[name]["command"] == expected


def test_our_services_are_the_procfile_what_goes_before_it_and_what_is_started_on_demand() -> None:
    on_demand = procfile("Procfile.analytics")
    assert set(OURS) == set(procfile()) | {"migrate", "bootstrap"} | set(on_demand)
    assert {name: SERVICES[name]["command"] for name in on_demand} == on_demand
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {"analytics", "clickhouse"}


def test_each_queue_is_served_by_one_service_on_the_pool_its_limits_need() -> None:
    found = []
    for service in OURS.values():
        match = re.search(r"-Q (\S+) --pool (\S+)", service["command"])
        if match:
            found += [(queue, match[2]) for queue in match[1].split(",")]
    assert sorted(found) == sorted((queue.value, POOLS[queue].value) for queue in Queue)


@pytest.mark.parametrize("name", OURS)
def test_a_service_is_given_only_variables_that_something_reads(name: str) -> None:
    assert set(OURS[name]["environment"]) <= SETTINGS | READ_ELSEWHERE


@pytest.mark.parametrize("name", OURS)
def test_a_service_can_be_given_every_setting(name: str) -> None:
    missing = SETTINGS - set(OURS[name]["environment"]) - IN_A_COMMAND - {"RAGSITE_PROCESS"}
    assert not missing, f"name these in x-environment of docker-compose.yml: {sorted(missing)}"


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_given_only_variables_that_its_image_knows(name: str) -> None:
    unknown = [
        variable for variable in SERVERS[name]["environment"] if not re.fullmatch(SERVER_VARIABLES[name], variable)
    ]
    assert not unknown


@pytest.mark.parametrize("name", OURS)
def test_with_fresh_secrets_a_service_has_an_environment_that_is_accepted(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting in SETTINGS:
        monkeypatch.delenv(setting, raising=False)
    for variable, text in given(OURS[name], fresh_secrets()).items():
        monkeypatch.setenv(variable, text)
    assert Environment().ragsite_data_dir == Path("/data")


def test_only_the_migration_holds_the_owners_password() -> None:
    holders = [name for name, service in OURS.items() if "RAGSITE_OWNER_PASSWORD" in str(service)]
    assert holders == ["migrate"]


def test_no_secret_has_a_default_and_the_script_makes_each() -> None:
    secrets = dict(re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)(:?[?-]?)", TEXT))
    assert set(secrets.values()) == {":?"}
    made = fresh_secrets()
    assert set(made) == set(secrets)
    assert all(len(secret) >= 32 for secret in made.values())
    assert not set(made.values()) & set(fresh_secrets().values())


def test_git_does_not_take_the_secrets_in() -> None:
    assert ".env" in (PROJECT / ".gitignore").read_text().splitlines()


def test_no_port_is_open_beyond_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", SERVICES)
def test_each_image_has_a_fixed_tag(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.match(r"\d+\.\d+", tag), f"{SERVICES[name]['image']} may change under us"


def test_redis_is_one_without_known_holes_and_loads_no_code() -> None:
    """CVE-2025-49844 and CVE-2026-23479 end with 8.6.3; since 7.0 modules, DEBUG and paths of files are closed unless opened."""
    redis = SERVICES["redis"]
    version = tuple(int(number) for number in re.findall(r"\d+", redis["image"].partition(":")[2])[:3])
    assert version >= (8, 6, 3)
    assert "--requirepass" in redis["command"]
    assert not [word for word in redis["command"] if word.startswith("--enable-")]


def test_services_wait_for_services_that_exist_and_can_tell_when_they_are_ready() -> None:
    for service in SERVICES.values():
        for other, condition in service.get("depends_on", {}).items():
            needed = "healthcheck" if condition["condition"] == "service_healthy" else "command"
            assert needed in SERVICES[other]


def test_the_gpu_goes_to_the_model_worker() -> None:
    added = yaml.safe_load(GPU.read_text())["services"]
    (device,) = added["models"]["deploy"]["resources"]["reservations"]["devices"]
    assert list(added) == ["models"]
    assert device["capabilities"] == ["gpu"]


def test_the_image_is_built_from_files_that_exist() -> None:
    recipe = (PROJECT / "deploy" / "Dockerfile").read_text()
    sources = re.findall(r"^COPY (?!--from)(\S+)", recipe, re.MULTILINE)
    stages = re.findall(r"^FROM \S+ AS (\S+)", recipe, re.MULTILINE)
    assert all((PROJECT / source).exists() for source in sources)
    assert {service["build"]["target"] for service in OURS.values()} <= set(stages)


def test_a_model_worker_has_a_thread_for_each_of_25_questions_beside_its_bulk_work() -> None:
    """Two threads embed at most, one evaluates and one re-indexes."""
    threads = re.search(r"-Q \S*retrieval\S* --pool threads -c (\d+)", procfile()["models"])
    assert threads is not None
    assert int(threads[1]) >= 25 + 4
