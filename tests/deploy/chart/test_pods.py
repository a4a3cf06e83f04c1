"""What the chart runs: every process as the Procfile has it, with settings that are accepted, looked after, with few rights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ragsite.core.environment import Environment
from tests.deploy.chart.rendering import (
    CHART,
    HELM,
    LAPTOP,
    PROJECT,
    REGIONS,
    STANDBY,
    TEAM,
    WHOLE,
    component,
    container,
    documents,
    environment,
    named,
    of_kind,
    ours,
    pod,
    rendered,
    values_of,
    workloads,
)
from workers.jobs import JOBS
from workers.queues import POOLS, Queue

pytestmark = pytest.mark.helm

CREDENTIALS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
SECRETS = {
    "DATABASE_URL": "postgresql://ragsite_app:secret@ragsite-postgresql-rw:5432/ragsite?sslmode=verify-full",
    "DATABASE_OWNER_URL": "postgresql://ragsite_owner:secret@ragsite-postgresql-rw:5432/ragsite",
    "REDIS_URL": "rediss://:secret@redis.redis:6380/0",
    "CLICKHOUSE_URL": "https://ragsite:secret@clickhouse-ragsite:8443/ragsite",
    "FLOWER_BASIC_AUTH": "flower:secret",
    **dict.fromkeys(
        ("RAGSITE_SECRET_KEY", "RAGSITE_AUDIT_KEY", "RAGSITE_KAFKA_PASSWORD", "RAGSITE_APP_PASSWORD",
         "RAGSITE_OWNER_PASSWORD", "REDIS_PASSWORD", "CLICKHOUSE_PASSWORD", *CREDENTIALS), "s" * 40,
    ),
}  # fmt: skip
# Read by manage.py, uvicorn, Flower, libraries of models and the client of a bucket; and what addresses are put together of.
READ_ELSEWHERE = CREDENTIALS | {
    "DATABASE_OWNER_URL", "FORWARDED_ALLOW_IPS", "FLOWER_BASIC_AUTH", "HF_HOME", "HF_TOKEN", "HF_ENDPOINT", "OMP_WAIT_POLICY",
    "POD_IP", "RAGSITE_APP_PASSWORD", "RAGSITE_OWNER_PASSWORD", "REDIS_PASSWORD", "CLICKHOUSE_PASSWORD",
}  # fmt: skip
SETTINGS = {name.upper() for name in Environment.model_fields}
IN_A_POD = {"127.0.0.1": "0.0.0.0", "${RAGSITE_WEB_PORT}": "8000", "${RAGSITE_FLOWER_PORT}": "5555"}  # noqa: S104
LONGEST = 300
"""The hard limit of jobs. Building an index may take longer, and begins anew elsewhere."""


def procfile() -> dict[str, str]:
    lines = [
        line
        for name in ("Procfile", "Procfile.analytics")
        for line in (PROJECT / name).read_text().splitlines()
        if line
    ]
    return {name: command.strip() for name, _, command in (line.partition(":") for line in lines)}


def in_a_pod(command: str) -> tuple[list[str], dict[str, str]]:
    """A command of the Procfile as a pod has it: listening everywhere at a port of its own, its variables beside it."""
    for here, there in IN_A_POD.items():
        command = command.replace(here, there)
    words = command.split()
    variables: dict[str, str] = {}
    if words[0] == "env":
        words = words[1:]
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            variables[name] = value
    return words, variables


@pytest.mark.parametrize("name", procfile())
def test_each_process_of_the_procfile_is_a_deployment_with_its_command(name: str) -> None:
    deployment = named(documents(TEAM), "Deployment", f"ragsite-{name}")
    words, variables = in_a_pod(procfile()[name])
    assert container(deployment)["command"] == words
    assert variables.items() <= environment(deployment, SECRETS).items()


def test_nothing_is_deployed_that_the_procfile_does_not_have() -> None:
    assert {component(one) for one in of_kind(documents(TEAM), "Deployment")} == set(procfile())


@pytest.mark.parametrize("values", WHOLE, ids="+".join)
def test_each_queue_is_served_on_the_pool_that_its_limits_need(values: tuple[str, ...]) -> None:
    served: dict[str, str] = {}
    for one in of_kind(documents(values), "Deployment"):
        if found := re.search(r"-Q (\S+) --pool (\S+)", " ".join(container(one)["command"])):
            served |= dict.fromkeys(found[1].split(","), found[2])
    assert served == {queue.value: POOLS[queue].value for queue in Queue}


@pytest.mark.parametrize("values", WHOLE, ids="+".join)
def test_a_process_is_given_only_variables_that_something_reads_and_settings_that_are_accepted(
    values: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.crt").write_text("")
    for one in ours(documents(values)):
        given = environment(one, SECRETS)
        assert set(given) <= SETTINGS | READ_ELSEWHERE, component(one)
        for name in SETTINGS:
            monkeypatch.delenv(name, raising=False)
        for name, text in given.items():
            monkeypatch.setenv(name, text.replace("/etc/ragsite/ca", str(tmp_path)))
        assert str(Environment().ragsite_data_dir) == "/data", component(one)


def test_whole_numbers_reach_a_process_with_all_their_digits() -> None:
    found = rendered(
        values_of(TEAM, settings={"RAGSITE_ANSWER_STAND_IN_SECONDS": 2_592_000, "RAGSITE_TRACE_RATIO": 0.25})
    )
    given = environment(named(found, "Deployment", "ragsite-web"), SECRETS)
    assert (given["RAGSITE_ANSWER_STAND_IN_SECONDS"], given["RAGSITE_TRACE_RATIO"]) == ("2592000", "0.25")


@pytest.mark.parametrize("values", WHOLE, ids="+".join)
def test_no_secret_stands_in_an_object(values: tuple[str, ...]) -> None:
    assert of_kind(documents(values), "Secret") == []
    for one in ours(documents(values)):
        secret = re.compile(r"(PASSWORD|SECRET_KEY|AUDIT_KEY|ACCESS_KEY\w*|TOKEN|BASIC_AUTH)$")
        assert [x["name"] for x in container(one)["env"] if secret.search(x["name"]) and "valueFrom" not in x] == []


@pytest.mark.parametrize("values", [LAPTOP, TEAM], ids="+".join)
def test_only_the_migration_logs_in_as_the_owner_and_who_does_not_reach_a_server_has_no_login_for_it(
    values: tuple[str, ...],
) -> None:
    holders: dict[str, set[str]] = {}
    for one in ours(documents(values)):
        for name in environment(one, SECRETS):
            holders.setdefault(name, set()).add(component(one))
    assert holders["DATABASE_OWNER_URL"] == {"migrate"}
    assert holders["FLOWER_BASIC_AUTH"] == {"flower"}
    if values == TEAM:
        assert holders["AWS_SECRET_ACCESS_KEY"] == {"web", "parsing", "general"}
        assert holders["CLICKHOUSE_URL"] == {"web", "general", "analytics"}


@pytest.mark.parametrize("values", WHOLE, ids="+".join)
def test_no_pod_runs_as_root_writes_to_its_image_or_has_a_token_of_the_cluster(values: tuple[str, ...]) -> None:
    for one in workloads(documents(values)):
        spec, only = pod(one), container(one)
        assert spec["securityContext"]["runAsNonRoot"], component(one)
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert only["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert spec["automountServiceAccountToken"] is False
        assert spec["serviceAccountName"] != "default"
        assert spec["enableServiceLinks"] is False, "a service ragsite-web would be told as RAGSITE_WEB_PORT"
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert all("hostPath" not in volume for volume in spec["volumes"])


@pytest.mark.parametrize("values", WHOLE, ids="+".join)
def test_every_pod_says_what_it_takes_and_names_one_version_of_its_image(values: tuple[str, ...]) -> None:
    for one in workloads(documents(values)):
        resources = container(one)["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys(), component(one)
        assert "memory" in resources["limits"]
        assert re.search(r"(:v?\d[\w.-]*|@sha256:[0-9a-f]{64})$", container(one)["image"]), container(one)["image"]
        for volume in pod(one)["volumes"]:
            assert "emptyDir" not in volume or "sizeLimit" in volume["emptyDir"], volume


@pytest.mark.parametrize("values", WHOLE, ids="+".join)
def test_what_runs_for_long_is_asked_whether_it_lives_at_a_port_of_its_own(values: tuple[str, ...]) -> None:
    for one in of_kind(documents(values), "Deployment", "StatefulSet"):
        only = container(one)
        ports = {port["name"] for port in only["ports"]}
        for probe in (only["livenessProbe"], only["readinessProbe"]):
            way = probe.get("httpGet") or probe.get("tcpSocket")
            assert "exec" in probe or way["port"] in ports, component(one)
    web = container(named(documents(values), "Deployment", "ragsite-web"))
    assert (web["livenessProbe"]["httpGet"]["path"], web["readinessProbe"]["httpGet"]["path"]) == (
        "/healthz",
        "/readyz",
    )
    assert {"name": "Host", "value": "localhost"} in web["readinessProbe"]["httpGet"]["httpHeaders"]
    assert web["readinessProbe"]["timeoutSeconds"] >= 10


@pytest.mark.parametrize("values", WHOLE, ids="+".join)
def test_a_worker_is_given_more_time_to_stop_than_its_jobs_may_take(values: tuple[str, ...]) -> None:
    for one in of_kind(documents(values), "Deployment"):
        if found := re.search(r"-Q (\S+)", " ".join(container(one)["command"])):
            limits = [job.hard or job.seconds for job in JOBS if job.queue.value in found[1].split(",")]
            assert pod(one)["terminationGracePeriodSeconds"] > max((x for x in limits if x <= LONGEST), default=0)


def test_a_parser_that_may_take_longer_gets_more_time_to_stop() -> None:
    found = rendered(values_of(TEAM, settings={"RAGSITE_PARSER_SECONDS": 600}))
    assert pod(named(found, "Deployment", "ragsite-parsing"))["terminationGracePeriodSeconds"] == 630


def test_a_part_of_a_gpu_is_asked_for_where_there_are_some_and_no_second_pod_while_the_first_has_it() -> None:
    models = named(documents(REGIONS), "Deployment", "ragsite-models")
    assert container(models)["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == "1"
    assert container(models)["image"].endswith("/ragsite-models-cuda:0.1.0")
    assert pod(models)["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert pod(models)["tolerations"]
    assert models["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_pods_are_spread_and_go_one_at_a_time() -> None:
    found = documents(REGIONS)
    selectors = [one["spec"]["selector"]["matchLabels"] for one in of_kind(found, "PodDisruptionBudget")]
    budgets = {selector["app.kubernetes.io/component"] for selector in selectors}
    for one in of_kind(found, "Deployment"):
        if component(one) not in {"flower", "model-server"}:
            assert component(one) in budgets
            constraints = pod(one)["topologySpreadConstraints"]
            assert [x["topologyKey"] for x in constraints] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
            assert all(x["nodeTaintsPolicy"] == "Honor" for x in constraints), "tainted nodes would count as empty"


@pytest.mark.parametrize("values", WHOLE, ids="+".join)
def test_the_schema_is_brought_up_before_a_new_version_runs_and_after_the_bundled_server_is_there(
    values: tuple[str, ...],
) -> None:
    migrate = named(documents(values), "Job", "ragsite-migrate")
    hooks = migrate["metadata"]["annotations"]["helm.sh/hook"].split(",")
    assert hooks == (["post-install"] if values == LAPTOP else ["pre-install"]) + ["pre-upgrade"]
    account = named(documents(values), "ServiceAccount", pod(migrate)["serviceAccountName"])
    weights = [int(one["metadata"]["annotations"]["helm.sh/hook-weight"]) for one in (account, migrate)]
    assert weights[0] < weights[1], "the account comes first"


def test_a_region_that_waits_runs_nothing_and_migrates_nothing() -> None:
    found = documents(STANDBY)
    assert {one["spec"]["replicas"] for one in of_kind(found, "Deployment")} == {0}
    assert of_kind(found, "Job", "HorizontalPodAutoscaler", "ScaledObject") == []


def test_the_bundled_postgresql_begins_as_every_other_does() -> None:
    script = (PROJECT / "deploy" / "postgres" / "init.sh").read_text()
    assert (CHART / "files" / "postgres-init.sh").read_text() == script
    told = named(documents(LAPTOP), "ConfigMap", "ragsite-postgresql-init")["data"]["10-ragsite.sh"]
    assert told.strip() == script.strip()


def test_postgresql_by_its_operator_begins_with_the_same_roles_and_rights() -> None:
    script = (PROJECT / "deploy" / "postgres" / "init.sh").read_text()
    stated = set(re.findall(r"^((?:GRANT|ALTER|CREATE EXTENSION)[^;]*);", script, re.MULTILINE))
    manifest = (HELM / "servers" / "postgresql.yaml").read_text()
    assert len(stated) == 6
    assert [one for one in stated if f"- {one}\n" not in manifest] == []
    roles: list[Any] = re.findall(r"CREATE ROLE (ragsite_\w+) (?:NO)?LOGIN", manifest)
    assert roles == ["ragsite_app", "ragsite_reader"]
