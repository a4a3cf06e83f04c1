"""docker-compose.yml: valid, the same processes as the Procfile, and every setting of theirs given.

What an image says of itself (its command, its health) is not said there again: tests/project/recipe.py reads it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ragsite.core.environment import VARIABLES, Environment
from tests.project.recipe import TARGETS
from workers.queues import POOLS, Queue

PROJECT = Path(__file__).resolve().parents[2]
COMPOSE = PROJECT / "docker-compose.yml"
AIRFLOW = PROJECT / "deploy" / "compose.airflow.yml"
TEXT = COMPOSE.read_text()
WHOLE = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = WHOLE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
SERVERS = {name: service for name, service in SERVICES.items() if "build" not in service}

# A container is reached from outside: it listens everywhere, at a port of its own choice.
IN_CONTAINER = {"127.0.0.1": "0.0.0.0", "${RAGSITE_WEB_PORT}": "8000", "${RAGSITE_FLOWER_PORT}": "5555"}  # noqa: S104

# What our processes read besides the typed environment: manage.py, uvicorn, Flower, and the client of a bucket.
CREDENTIALS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
READ_ELSEWHERE = {"FORWARDED_ALLOW_IPS"} | CREDENTIALS
SERVER_VARIABLES = {
    "postgres": r"(POSTGRES|RAGSITE_OWNER|RAGSITE_APP)_PASSWORD_FILE|POSTGRES_INITDB_ARGS",
    "kafka": r"KAFKA_[A-Z_]+",
    "clickhouse": r"CLICKHOUSE_(DB|USER|PASSWORD_FILE)",
    "grafana": r"GF_SECURITY_ADMIN_PASSWORD__FILE",
}
OPEN_TO_THE_WORLD = {"proxy"}
# Their images write beside their own programs when they start.
WRITE_THEIR_ROOT = {"kafka", "clickhouse"}
PROFILES = {
    "core": {"postgres", "redis", "migrate", "bootstrap", "web", "parsing", "general", "beat"},
    "cpu": {"models"},
    "gpu": {"models-gpu"},
    "events": {"kafka", "relay", "webhooks"},
    "observability": {"flower", "prometheus", "grafana"},
    "analytics": {"kafka", "clickhouse", "analytics"},
    "tls": {"proxy"},
}
# Of one process only, and part of its command.
IN_A_COMMAND = {"RAGSITE_MODEL_TRANSPORT"}
SETTINGS = {name.upper() for name in Environment.model_fields}


def procfile(name: str = "Procfile") -> dict[str, str]:
    lines = (PROJECT / name).read_text().splitlines()
    return {name: command.strip() for name, _, command in (line.partition(":") for line in lines if line.strip())}


def secrets_made(folder: Path) -> dict[str, str]:
    """What deploy/secrets.sh writes, run in `folder`."""
    subprocess.run([PROJECT / "deploy" / "secrets.sh"], cwd=folder, check=True, timeout=30)
    return {file.name: file.read_text().rstrip("\n") for file in (folder / "secrets").iterdir() if file.is_file()}


def by_default(text: object) -> str:
    """What Compose makes of a text where neither shell nor .env says anything."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(text))


def secrets_of(service: dict[str, Any]) -> list[str]:
    return [one if isinstance(one, str) else one["source"] for one in service.get("secrets", [])]


def compose(*arguments: str, profiles: str) -> subprocess.CompletedProcess[str]:
    found = shutil.which("docker-compose")
    command = [found] if found else ["docker", "compose"]
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | (
        {"COMPOSE_PROFILES": profiles} if profiles else {}
    )
    return subprocess.run(
        [*command, "--file", str(COMPOSE), *arguments],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("path", [COMPOSE, AIRFLOW], ids=lambda path: path.name)
def test_a_compose_file_follows_the_compose_specification(path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.compose
@pytest.mark.parametrize(
    "profiles", ["core", "core,cpu", "core,gpu,events", "core,cpu,events,observability,analytics,tls"]
)
def test_docker_compose_finds_the_services_of_the_profiles_with_all_that_they_need(profiles: str) -> None:
    found = compose("config", "--format", "json", profiles=profiles)
    assert found.stdout, found.stderr
    services = json.loads(found.stdout)["services"]
    assert set(services) == set().union(*(PROFILES[one] for one in profiles.split(",")))


@pytest.mark.compose
def test_docker_compose_says_what_to_do_where_no_profile_is_chosen() -> None:
    refused = compose("config", profiles="")
    assert refused.stdout == ""
    assert "copy .env.example to .env" in refused.stderr


def test_each_service_is_in_its_profiles_and_the_example_starts_what_a_system_needs() -> None:
    assert all(service["profiles"] for service in SERVICES.values())
    assert {one: {n for n, s in SERVICES.items() if one in s["profiles"]} for one in PROFILES} == PROFILES
    example = (PROJECT / ".env.example").read_text()
    chosen = re.search(r"^COMPOSE_PROFILES=(.*)$", example, re.MULTILINE)
    assert chosen is not None
    assert {"core", "cpu", "events"} <= set(chosen[1].split(","))


@pytest.mark.parametrize("name", procfile() | procfile("Procfile.analytics"))
def test_each_process_of_the_procfile_is_a_service_whose_image_has_its_command(name: str) -> None:
    expected = (procfile() | procfile("Procfile.analytics"))[name]
    for here, there in IN_CONTAINER.items():
        expected = expected.replace(here, there)
    assert "command" not in SERVICES[name]
    assert TARGETS[SERVICES[name]["build"]["target"]].command == expected


def test_our_services_are_the_procfile_what_goes_before_it_and_a_second_model_worker() -> None:
    processes = set(procfile()) | set(procfile("Procfile.analytics"))
    assert set(OURS) == processes | {"migrate", "bootstrap", "models-gpu"}
    targets = {service["build"]["target"] for service in OURS.values()}
    assert targets == set(TARGETS)
    for name, service in OURS.items():
        assert by_default(service["image"]) == f"ragsite-{service['build']['target']}:0.1.0", name


def test_each_queue_is_served_by_one_image_on_the_pool_its_limits_need() -> None:
    found = []
    for target in TARGETS.keys() - {"models-cuda"}:
        match = re.search(r"-Q (\S+) --pool (\S+)", TARGETS[target].command)
        if match:
            found += [(queue, match[2]) for queue in match[1].split(",")]
    assert TARGETS["models-cuda"].command == TARGETS["models-cpu"].command
    assert sorted(found) == sorted((queue.value, POOLS[queue].value) for queue in Queue)


@pytest.mark.parametrize("name", OURS)
def test_a_service_is_given_only_variables_that_something_reads(name: str) -> None:
    files = {f"{variable}_FILE" for variable in VARIABLES}
    assert set(OURS[name]["environment"]) <= SETTINGS | READ_ELSEWHERE | files


@pytest.mark.parametrize("name", OURS)
def test_a_service_can_be_given_every_setting(name: str) -> None:
    said = {variable.removesuffix("_FILE") for variable in OURS[name]["environment"]} | set(OURS[name]["environment"])
    missing = SETTINGS - said - IN_A_COMMAND - {"RAGSITE_PROCESS"}
    assert not missing, f"name these in x-environment of docker-compose.yml: {sorted(missing)}"


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_given_only_variables_that_its_image_knows(name: str) -> None:
    unknown = [
        variable
        for variable in SERVERS[name].get("environment", {})
        if not re.fullmatch(SERVER_VARIABLES[name], variable)
    ]
    assert not unknown


def test_with_fresh_secrets_each_service_has_an_environment_that_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets_made(tmp_path)
    for name, service in OURS.items():
        for variable in VARIABLES:
            monkeypatch.delenv(variable, raising=False)
        for variable, text in service["environment"].items():
            if text is not None:
                assert not str(text).startswith("/run/secrets/") or Path(text).name in secrets_of(service), name
                monkeypatch.setenv(variable, by_default(text).replace("/run/secrets", str(tmp_path / "secrets")))
        read = Environment()
        assert read.ragsite_data_dir == Path("/data")
        assert read.database_url.startswith("postgresql://ragsite_app:")


def test_only_the_migration_holds_the_owners_password_and_each_server_its_own_alone() -> None:
    holders: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for secret in secrets_of(service):
            holders.setdefault(secret, set()).add(name)
    of_all = {"database_url", "redis_url", "secret_key", "clickhouse_url"}
    assert all(holders.pop(secret) == set(OURS) for secret in of_all)
    assert holders == {
        "database_owner_url": {"migrate"},
        "postgres_password": {"postgres"}, "owner_password": {"postgres"}, "app_password": {"postgres"},
        "redis_conf": {"redis"}, "clickhouse_password": {"clickhouse"}, "grafana_password": {"grafana"},
        "flower_basic_auth": {"flower"}, "flower_password": {"prometheus"},
    }  # fmt: skip


def test_the_script_makes_each_secret_once_for_its_owner_alone(tmp_path: Path) -> None:
    made = secrets_made(tmp_path)
    assert set(made) == set(WHOLE["secrets"])
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert all(re.search("[0-9a-f]{64}", secret) for secret in made.values())
    (tmp_path / "secrets" / "grafana_password").unlink()
    again = secrets_made(tmp_path)
    assert {name for name in made if made[name] != again[name]} == {"grafana_password"}


def test_the_script_takes_over_the_passwords_of_an_earlier_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RAGSITE_APP_PASSWORD=kept-app\nREDIS_PASSWORD=kept-redis\nRAGSITE_WEB_PORT=9000\n")
    made = secrets_made(tmp_path)
    assert made["database_url"] == "postgresql://ragsite_app:kept-app@postgres:5432/ragsite"
    assert made["redis_conf"] == "requirepass kept-redis"
    assert made["redis_url"] == "redis://:kept-redis@redis:6379/0"


def test_no_secret_stands_in_the_environment_of_a_service_or_has_a_default() -> None:
    assert not re.findall(r"\$\{\w*(?:PASSWORD|SECRET|_KEY)\w*:?-", TEXT.replace("RAGSITE_SECRETS_DIR", ""))
    for name, service in SERVICES.items():
        said = {variable: text for variable, text in service.get("environment", {}).items() if text is not None}
        assert not [one for one in said if "PASSWORD" in one and not one.endswith("_FILE")], name
        assert not [text for text in said.values() if re.search(r"://[^/]*:[^/]*@", str(text))], name


def test_git_does_not_take_the_secrets_in() -> None:
    assert {".env", "/secrets/"} <= set((PROJECT / ".gitignore").read_text().splitlines())


def test_no_port_is_open_beyond_this_machine_but_those_of_the_proxy() -> None:
    opened = {
        name
        for name, service in SERVICES.items()
        for port in service.get("ports", [])
        if not port.startswith("127.0.0.1:")
    }
    assert opened == OPEN_TO_THE_WORLD


def test_the_web_process_believes_the_proxy_and_no_other_neighbour() -> None:
    address = SERVICES["proxy"]["networks"]["edge"]["ipv4_address"]
    assert by_default(SERVICES["web"]["environment"]["FORWARDED_ALLOW_IPS"]) == f"127.0.0.1,{address}"
    assert [name for name, service in SERVICES.items() if "edge" in service.get("networks", {})] == ["web", "proxy"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_right_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only", False) is (name not in WRITE_THEIR_ROOT)
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service.get("privileged") is None


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_stays_can_tell_how_it_is_and_is_given_time_to_end(name: str) -> None:
    service = SERVICES[name]
    if service["restart"] == "no":
        assert service["healthcheck"] == {"disable": True}
        return
    image = TARGETS.get(service.get("build", {}).get("target", ""))
    assert image.health if image else service["healthcheck"]["test"]
    assert int(service["stop_grace_period"].removesuffix("s")) >= 20


@pytest.mark.parametrize("name", SERVICES)
def test_each_image_has_a_fixed_tag_or_is_given_one(name: str) -> None:
    image = by_default(SERVICES[name]["image"])
    assert re.match(r"v?\d+\.\d+", image.partition(":")[2]), f"{image} may change under us"


def test_every_image_of_others_can_be_pinned_by_its_digest(tmp_path: Path) -> None:
    """The registry is asked by Docker's client, here by one that knows a single answer."""
    digest = f"sha256:{'5' * 64}"
    client = tmp_path / "docker"
    client.write_text(f'#!/bin/sh\necho "{digest}"\n')
    client.chmod(0o755)
    environ = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = [PROJECT / "deploy" / "pin.sh"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    pins = dict(line.split("=", 1) for line in done.stdout.splitlines())
    images = {by_default(service["image"]) for service in SERVERS.values()} | {"python:3.11-slim-trixie"}
    assert set(pins.values()) == {f"{image}@{digest}" for image in images}
    (tmp_path / "images.env").write_text(done.stdout)
    command += ["--check", str(tmp_path / "images.env")]
    assert subprocess.run(command, env=environ, capture_output=True, check=False).returncode == 0
    client.write_text("#!/bin/sh\necho unknown\n")
    refused = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "gave no digest but 'unknown'" in refused.stderr


def test_redis_is_one_without_known_holes_and_loads_no_code() -> None:
    """CVE-2025-49844 and CVE-2026-23479 end with 8.6.3; since 7.0 modules, DEBUG and paths of files are closed unless opened."""
    redis = SERVICES["redis"]
    version = tuple(int(number) for number in re.findall(r"\d+", by_default(redis["image"]).partition(":")[2])[:3])
    assert version >= (8, 6, 3)
    assert redis["command"][:2] == ["redis-server", "/run/secrets/redis_conf"]
    assert not [word for word in redis["command"] if word.startswith("--enable-")]


def test_services_wait_for_services_that_exist_and_can_tell_when_they_are_ready() -> None:
    for service in SERVICES.values():
        for other, condition in service.get("depends_on", {}).items():
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other] or TARGETS[SERVICES[other]["build"]["target"]].health
            else:
                assert "command" in SERVICES[other]


def test_the_gpu_goes_to_a_model_worker_that_differs_in_nothing_else() -> None:
    cpu, gpu = dict(SERVICES["models"]), dict(SERVICES["models-gpu"])
    (device,) = gpu.pop("deploy")["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert gpu.pop("networks") == {"default": {"aliases": ["models"]}}
    own = ("profiles", "image", "build")
    assert [gpu.pop(one) for one in own] != [cpu.pop(one) for one in own]
    assert gpu == cpu


def test_a_model_worker_has_a_thread_for_each_of_25_questions_beside_its_bulk_work() -> None:
    """Two threads embed at most, one evaluates and one re-indexes."""
    threads = re.search(r"-Q \S*retrieval\S* --pool threads -c (\d+)", procfile()["models"])
    assert threads is not None
    assert int(threads[1]) >= 25 + 4
