"""The objects that the chart makes: taken by Kubernetes, refused where values are wrong, each arrow allowed and no other."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from ragsite.core.environment import Environment
from ragsite.core.metrics.declared import METRICS
from ragsite.urls import urlpatterns
from tests.deploy.chart.rendering import (
    CHART,
    GREEN,
    HELM,
    LAPTOP,
    NAMESPACE,
    PROJECT,
    REGIONS,
    ROUTE,
    STANDBY,
    TEAM,
    WHOLE,
    Document,
    chosen,
    component,
    container,
    documents,
    linted,
    merged,
    named,
    of_kind,
    rendered,
    values_of,
    workloads,
)
from tests.deploy.chart.schemas import complaints

pytestmark = pytest.mark.helm

EVERY = [*WHOLE, STANDBY, GREEN, ROUTE]
OF_THE_CHART = {
    "RAGSITE_PROCESS", "RAGSITE_DATA_DIR", "RAGSITE_MODELS_DIR", "RAGSITE_METRICS_PORT", "RAGSITE_METRICS_ADDRESS",
    "RAGSITE_ALLOWED_HOSTS", "RAGSITE_MODEL_TRANSPORT",
}  # fmt: skip
SCHEMA = CHART / "values.schema.json"


def labels(workload: Document) -> dict[str, str]:
    found: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return found


@pytest.mark.parametrize("values", EVERY, ids="+".join)
def test_helm_finds_nothing_wrong_with_a_set_of_values(values: tuple[str, ...]) -> None:
    report = linted(values_of(values))
    assert report["errors"] == []
    assert [one for one in report["messages"] if one["severity"] > 1] == []


@pytest.mark.parametrize("values", EVERY, ids="+".join)
def test_kubernetes_and_the_operators_take_every_object(values: tuple[str, ...]) -> None:
    found = documents(values)
    assert [told for one in found for told in complaints(one)] == []
    names = [(one["apiVersion"], one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]) for one in found]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", name) for *_, name in names)


def test_a_misspelt_field_is_found_in_objects_of_both_kinds() -> None:
    deployment = named(documents(TEAM), "Deployment", "ragsite-web")
    scaled = named(documents(TEAM), "ScaledObject", "ragsite-parsing")
    assert complaints(merged(deployment, {"spec": {"replica": 1}}))
    assert complaints(merged(scaled, {"spec": {"maxReplicas": 1}}))


@pytest.mark.parametrize("path", sorted((HELM / "servers").glob("*.yaml")), ids=lambda path: path.name)
def test_manifests_of_servers_have_fields_that_their_operators_document(path: Any) -> None:
    found = list(yaml.safe_load_all(path.read_text()))
    assert found
    assert [told for one in found for told in complaints(one)] == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"settings": {"RAGSITE_HTPS": True}}, "RAGSITE_HTPS"),
        ({"settings": {"RAGSITE_SECRET_KEY": "x" * 40}}, "RAGSITE_SECRET_KEY"),
        ({"secrets": {"RAGSITE_SECRET_KEY": "x" * 40}}, "RAGSITE_SECRET_KEY"),
        ({"image": {"tag": "latest"}}, "tag"),
        ({"replicas": 2}, "replicas"),
        ({"workers": {"parsing": {"queues": ["parsign"]}}}, "queues"),
        ({"workers": {"parsing": {"image": "parser"}}}, "none of images"),
        ({"settings": {"RAGSITE_BLOB_STORE": "files"}}, "Uploads would be lost"),
        ({"istio": {"jwt": {"header": "authorization"}}}, "header"),
        ({"istio": {"enabled": True}, "bundled": {"redis": {"enabled": True}}}, "know nothing of Istio"),
        ({"modelServers": {"a": {"image": "vllm/vllm-openai"}}}, "image"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_values_are_refused_and_named(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(Exception, match=re.escape(told)):
        rendered(values_of(TEAM, **wrong))


def test_shares_of_a_canary_that_are_not_a_hundred_are_refused() -> None:
    versions = {"canary": {"weight": 50}}
    with pytest.raises(Exception, match="sum up to 145"):
        rendered(values_of(REGIONS, modelServers={"assistant": {"versions": versions}}))


def test_every_setting_can_be_given_and_none_that_is_not_there() -> None:
    definitions = yaml.safe_load(SCHEMA.read_text())["definitions"]
    plain = set(definitions["settingName"]["enum"]) - {"HF_ENDPOINT"}
    secret = {name for name in definitions["secretName"]["anyOf"][0]["enum"] if not name.startswith(("AWS_", "HF_"))}
    told = {name.upper() for name in Environment.model_fields}
    assert plain | secret | OF_THE_CHART == told, f"bring {SCHEMA.relative_to(PROJECT)} up: settingName, secretName"
    hidden = {name.upper() for name, field in Environment.model_fields.items() if "SecretStr" in repr(field.annotation)}
    assert hidden <= secret


# ---------------------------------------------------------------- who may talk to whom


def everything() -> list[Document]:
    """The release with an address of its own for each server, so that each rule tells which server it is for."""
    named_servers = values_of(TEAM)["network"]["servers"] | dict.fromkeys(DOCUMENTED_SERVERS)
    servers = {
        name: {"to": [{"ipBlock": {"cidr": f"10.9.0.{at}/32"}}]} for at, name in enumerate(sorted(named_servers))
    }
    return rendered(values_of(TEAM, network={"servers": servers}))


def arrows_documented() -> dict[str, set[str]]:
    text = (PROJECT / "docs" / "kubernetes.md").read_text().partition("## Who may talk to whom")[2].partition("###")[0]
    rows = re.findall(r"^\| (\w+) \| (`.*) \|$", text, re.MULTILINE)
    return {process: set(re.findall(r"`(\w+)`", servers)) for process, servers in rows}


DOCUMENTED_SERVERS = sorted(set().union(*arrows_documented().values()))


def test_a_process_reaches_the_servers_that_the_manual_says_and_no_others() -> None:
    found: dict[str, set[str]] = {}
    for policy in of_kind(everything(), "NetworkPolicy"):
        process = policy["spec"]["podSelector"]["matchLabels"].get("app.kubernetes.io/component")
        peers = [peer for rule in policy["spec"].get("egress", []) for peer in rule["to"]]
        blocks = [peer["ipBlock"]["cidr"] for peer in peers if "ipBlock" in peer]
        if process:
            found[process] = {DOCUMENTED_SERVERS[int(re.split(r"[./]", block)[3])] for block in blocks}
    assert found == arrows_documented()


@pytest.mark.parametrize("values", WHOLE, ids="+".join)
def test_every_pod_is_closed_and_no_rule_is_for_everybody_or_every_port(values: tuple[str, ...]) -> None:
    found = documents(values)
    policies = [one["spec"] for one in of_kind(found, "NetworkPolicy")]
    closed = [one for one in policies if not one.get("ingress") and not one.get("egress")]
    for one in workloads(found):
        assert any(chosen(policy["podSelector"], labels(one)) for policy in closed), component(one)
        assert sum(chosen(policy["podSelector"], labels(one)) for policy in policies) == 2, component(one)
    for policy in policies:
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        rules = [(rule["from"], rule) for rule in policy.get("ingress", [])] + [
            (x["to"], x) for x in policy.get("egress", [])
        ]
        assert all(peers and all(peers) and rule["ports"] for peers, rule in rules)


def test_a_bundled_server_lets_in_just_those_that_reach_it() -> None:
    found = documents(LAPTOP)
    arrows = arrows_documented()
    for server in ("postgresql", "redis", "kafka"):
        (rule,) = named(found, "NetworkPolicy", f"ragsite-{server}")["spec"]["ingress"]
        (peer,) = rule["from"]
        let_in = {component(one) for one in workloads(found) if chosen(peer["podSelector"], labels(one))}
        assert let_in == {process for process, servers in arrows.items() if server in servers} - {"analytics"}


def test_in_the_mesh_nobody_is_let_in_but_by_name() -> None:
    found = documents(REGIONS)
    (mtls,) = of_kind(found, "PeerAuthentication")
    assert mtls["spec"]["mtls"] == {"mode": "STRICT"}
    policies = [one for one in of_kind(found, "AuthorizationPolicy") if one["metadata"]["namespace"] == NAMESPACE]
    (closed,) = [one for one in policies if "rules" not in one["spec"]]
    for one in of_kind(found, "Deployment"):
        assert chosen(mtls["spec"]["selector"], labels(one))
        assert chosen(closed["spec"]["selector"], labels(one))
    rules = [rule for one in policies for rule in one["spec"].get("rules", [])]
    assert all(source["source"]["principals"] for rule in rules for source in rule["from"])
    assert not [
        name for rule in rules for source in rule["from"] for name in source["source"]["principals"] if "*" in name
    ]


def test_a_token_at_the_gateway_is_not_where_our_keys_are_and_a_missing_one_is_refused() -> None:
    (request,) = of_kind(documents(REGIONS), "RequestAuthentication")
    assert [rule["fromHeaders"] for rule in request["spec"]["jwtRules"]] == [[{"name": "x-gateway-token"}]]
    (denied,) = [one for one in of_kind(documents(REGIONS), "AuthorizationPolicy") if one["spec"]["action"] == "DENY"]
    assert denied["metadata"]["namespace"] == request["metadata"]["namespace"] == "istio-ingress"
    assert denied["spec"]["rules"][0]["from"] == [{"source": {"notRequestPrincipals": ["*"]}}]
    assert denied["spec"]["selector"] == request["spec"]["selector"]


# ---------------------------------------------------------------- from outside


def paths(found: list[Document]) -> set[str]:
    route, *more = of_kind(found, "Ingress", "HTTPRoute")
    assert not more
    (rule,) = route["spec"]["rules"]
    if route["kind"] == "Ingress":
        return {path["path"] for path in rule["http"]["paths"]}
    return {match["path"]["value"] for match in rule["matches"]}


@pytest.mark.parametrize("values", [TEAM, REGIONS], ids="+".join)
def test_all_that_the_web_process_answers_is_passed_on_but_its_metrics_and_health(values: tuple[str, ...]) -> None:
    first = {re.split(r"[/.]", str(one.pattern).lstrip("^"))[0] for one in urlpatterns}
    answered = {f"/{name}".replace("/favicon", "/favicon.ico") for name in first} | {"/mcp", "/static"}
    assert paths(documents(values)) == answered


def test_who_gets_requests_is_a_release_of_its_own_and_green_shares_nothing_with_blue() -> None:
    (route,) = documents(ROUTE)
    (rule,) = route["spec"]["rules"]
    assert [(one["name"], one["weight"]) for one in rule["backendRefs"]] == [
        ("ragsite-blue-web", 100),
        ("ragsite-green-web", 0),
    ]
    blue, green = documents(TEAM, "ragsite-blue"), documents(GREEN, "ragsite-green")
    assert {"ragsite-blue-web", "ragsite-green-web"} <= {
        one["metadata"]["name"] for one in of_kind(blue + green, "Service")
    }
    assert of_kind(green, "Ingress", "HTTPRoute") == []
    objects = [{(one["kind"], one["metadata"]["name"]) for one in found} for found in (blue, green)]
    assert not objects[0] & objects[1]
    for one in of_kind(green, "Deployment"):
        like_it = named(blue, "Deployment", one["metadata"]["name"].replace("green", "blue"))
        assert not chosen(like_it["spec"]["selector"], labels(one))


def test_a_gateway_of_our_own_ends_tls() -> None:
    gateway = {"kind": "gateway", "tlsSecret": "rag-tls", "gateway": {"className": "istio"}}
    found = rendered(values_of(TEAM, route=gateway))
    (made,) = of_kind(found, "Gateway")
    assert complaints(made) == []
    assert made["spec"]["listeners"][0]["tls"]["certificateRefs"] == [{"kind": "Secret", "name": "rag-tls"}]


def test_a_canary_of_a_model_answers_at_the_same_address_by_its_share() -> None:
    found = documents(REGIONS)
    (shared,) = of_kind(found, "VirtualService")
    shares = {one["destination"]["host"]: one["weight"] for one in shared["spec"]["http"][0]["route"]}
    assert shares == {"ragsite-model-assistant-stable": 95, "ragsite-model-assistant-canary": 5}
    assert shares.keys() <= {one["metadata"]["name"] for one in of_kind(found, "Service")}
    servers = [one for one in of_kind(found, "Deployment") if component(one) == "model-server"]
    assert len(servers) == 2
    for one in servers:
        assert chosen(
            {"matchLabels": named(found, "Service", "ragsite-model-assistant")["spec"]["selector"]}, labels(one)
        )
        assert "--served-model-name assistant" in " ".join(container(one)["command"])


# ---------------------------------------------------------------- scaling, and what is watched


def test_each_kind_of_worker_is_scaled_by_what_waits_and_for_how_long_by_metrics_that_there_are() -> None:
    declared = {series: {label.name for label in metric.labels} for metric in METRICS for series in metric.series}
    for one in of_kind(documents(REGIONS), "ScaledObject"):
        queries = [x["metadata"]["query"] for x in one["spec"]["triggers"] if x["type"] == "prometheus"]
        for metric, selector in (found for query in queries for found in re.findall(r"(\w+)\{([^}]*)\}", query)):
            asked = set(re.findall(r"(\w+)=", selector)) - {"namespace", "service"}
            assert asked <= declared[metric], metric
        if one["metadata"]["name"] != "ragsite-web":
            told = " ".join(queries)
            assert "ragsite_queue_waiting" in told
            assert "ragsite_queue_oldest_seconds" in told
        target = named(documents(REGIONS), "Deployment", one["spec"]["scaleTargetRef"]["name"])
        assert "replicas" not in target["spec"], "an upgrade would undo what the scaler did"


def test_without_keda_the_web_process_is_scaled_by_its_requests() -> None:
    found = rendered(values_of(TEAM, keda={"enabled": False}))
    (scaler,) = of_kind(found, "HorizontalPodAutoscaler")
    assert complaints(scaler) == []
    names = [metric["pods"]["metric"]["name"] for metric in scaler["spec"]["metrics"] if metric["type"] == "Pods"]
    assert names == ["ragsite_requests_running"]
    assert {name for metric in METRICS for name in metric.series} >= set(names)
    assert of_kind(found, "ScaledObject") == []
    assert named(found, "Deployment", "ragsite-parsing")["spec"]["replicas"] == 1


def test_prometheus_asks_every_process_at_a_port_that_it_has() -> None:
    found = documents(TEAM)
    (service,) = of_kind(found, "ServiceMonitor")
    (pods,) = of_kind(found, "PodMonitor")
    web = named(found, "Service", "ragsite-web")
    assert chosen(service["spec"]["selector"], web["metadata"]["labels"])
    assert service["spec"]["endpoints"][0]["port"] in {port["name"] for port in web["spec"]["ports"]}
    (endpoint,) = pods["spec"]["podMetricsEndpoints"]
    asked = {
        component(one)
        for one in of_kind(found, "Deployment")
        if endpoint["port"] in {port["name"] for port in container(one)["ports"]}
    }
    assert asked == {component(one) for one in of_kind(found, "Deployment")} - {"web", "flower"}
    for one in (endpoint, service["spec"]["endpoints"][0]):
        assert one["honorLabels"], "some metrics have a label `job` of their own"
        assert one["relabelings"] == [{"targetLabel": "job", "replacement": "ragsite"}], "alerts ask for this job"
