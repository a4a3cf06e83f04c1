"""What Kubernetes and the operators take: its own schemas, and of the operators' kinds the fields that we use.

Fields of operators are written down as their references document them, and refuse every other, so that none is misspelt.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import jsonschema_rs

KUBERNETES = "v1.34.0-local-strict"
TEXT, NUMBER, TRUTH, ANY = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"type": "object"}
TEXTS = {"type": "object", "additionalProperties": TEXT}


def fields(*needed: str, **known: Any) -> dict[str, Any]:
    """An object of these fields and no others."""
    return {"type": "object", "additionalProperties": False, "properties": known, "required": list(needed)}


def each(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1}


def one_of(*words: str) -> dict[str, Any]:
    return {"enum": list(words)}


PARAMETERS = {"type": "object", "additionalProperties": TEXT}
SELECTOR = fields(matchLabels=TEXTS)
TEXT_LIST = each(TEXT)
SECRET_KEY = fields("name", "key", name=TEXT, key=TEXT)
RESOURCES = fields(requests=ANY, limits=ANY)

# https://keda.sh/docs/latest/reference/scaledobject-spec/ and …/scalers/prometheus/
POLICIES = each(
    fields("type", "value", "periodSeconds", type=one_of("Pods", "Percent"), value=NUMBER, periodSeconds=NUMBER)
)
RULES = fields(stabilizationWindowSeconds=NUMBER, policies=POLICIES, selectPolicy=one_of("Max", "Min", "Disabled"))
OF_PROMETHEUS = fields(
    "serverAddress", "query", "threshold", serverAddress=TEXT, query=TEXT, threshold=TEXT, ignoreNullValues=TEXT
)
TRIGGER = {
    "oneOf": [
        fields(
            "type", "metadata",
            type=one_of("prometheus"), name=TEXT, metricType=one_of("AverageValue", "Value"), metadata=OF_PROMETHEUS,
        ),
        fields(
            "type", "metadata",
            type=one_of("cpu"), name=TEXT, metricType=one_of("Utilization"), metadata=fields("value", value=TEXT),
        ),
    ]
}  # fmt: skip
SCALED_OBJECT = fields(
    "scaleTargetRef", "triggers",
    scaleTargetRef=fields("name", apiVersion=TEXT, kind=TEXT, name=TEXT),
    minReplicaCount=NUMBER, maxReplicaCount=NUMBER, pollingInterval=NUMBER, cooldownPeriod=NUMBER,
    advanced=fields(horizontalPodAutoscalerConfig=fields(behavior=fields(scaleUp=RULES, scaleDown=RULES))),
    triggers=each(TRIGGER),
)  # fmt: skip

# https://istio.io/latest/docs/reference/config/security/ and …/networking/virtual-service/
MTLS = fields("mode", mode=one_of("STRICT"))
SOURCE = fields(principals=TEXT_LIST, notRequestPrincipals=TEXT_LIST)
OPERATION = fields(hosts=TEXT_LIST, ports=TEXT_LIST, methods=TEXT_LIST, paths=TEXT_LIST, notPaths=TEXT_LIST)
FROM, TO = each(fields("source", source=SOURCE)), each(fields("operation", operation=OPERATION))
AUTHORIZATION = fields(
    "selector", "action",
    selector=SELECTOR, action=one_of("ALLOW", "DENY"),
    rules=each(fields(**{"from": FROM, "to": TO})),
)  # fmt: skip
JWT = fields(
    "issuer", "jwksUri", "fromHeaders",
    issuer=TEXT, jwksUri=TEXT, audiences=TEXT_LIST, fromHeaders=each(fields("name", name=TEXT, prefix=TEXT)),
)  # fmt: skip
DESTINATION = fields("host", host=TEXT, port=fields("number", number=NUMBER))
ROUTES = each(fields("route", route=each(fields("destination", "weight", destination=DESTINATION, weight=NUMBER))))

# https://prometheus-operator.dev/docs/api-reference/api/
RELABELINGS = each(fields("targetLabel", "replacement", targetLabel=TEXT, replacement=TEXT))
ENDPOINT = fields("port", port=TEXT, path=TEXT, interval=TEXT, honorLabels=TRUTH, relabelings=RELABELINGS)
NAMESPACES = fields(matchNames=TEXT_LIST)

# https://gateway-api.sigs.k8s.io/reference/spec/
PATH = fields("type", "value", type=one_of("Exact", "PathPrefix"), value=TEXT)
LISTENER = fields(
    "name", "port", "protocol",
    name=TEXT, hostname=TEXT, port=NUMBER, protocol=one_of("HTTPS"),
    tls=fields("certificateRefs", mode=one_of("Terminate"), certificateRefs=each(fields("name", kind=TEXT, name=TEXT))),
    allowedRoutes=fields(namespaces=fields("from", **{"from": one_of("Same", "All", "Selector")})),
)  # fmt: skip
HTTP_RULE = fields(
    "matches", "backendRefs",
    matches=each(fields("path", path=PATH)), timeouts=fields(request={"type": "string", "pattern": r"^\d+(ms|s|m|h)$"}),
    backendRefs=each(fields("name", "port", name=TEXT, port=NUMBER, weight=NUMBER)),
)  # fmt: skip

# https://cloudnative-pg.io/documentation/current/cloudnative-pg.v1/ and https://cloudnative-pg.io/plugin-barman-cloud/
ROLE = fields("name", name=TEXT, ensure=TEXT, login=TRUTH, inRoles=TEXT_LIST, passwordSecret=fields("name", name=TEXT))
INITDB = fields(
    "database", "owner", "secret",
    database=TEXT, owner=TEXT, secret=fields("name", name=TEXT), encoding=TEXT, localeProvider=TEXT, builtinLocale=TEXT,
    localeCollate=TEXT, localeCType=TEXT, postInitApplicationSQL=TEXT_LIST,
)  # fmt: skip
PLUGIN = fields("name", name=TEXT, isWALArchiver=TRUTH, parameters=PARAMETERS)
CLUSTER = fields(
    "instances", "storage", "bootstrap",
    instances=NUMBER, imageName=TEXT, primaryUpdateStrategy=TEXT, resources=RESOURCES,
    bootstrap={"oneOf": [fields("initdb", initdb=INITDB), fields("recovery", recovery=fields("source", source=TEXT))]},
    managed=fields(roles=each(ROLE)), replica=fields("enabled", "source", enabled=TRUTH, source=TEXT),
    externalClusters=each(fields("name", name=TEXT, plugin=PLUGIN)),
    postgresql=fields(
        synchronous=fields("method", "number", method=TEXT, number=NUMBER, dataDurability=one_of("required", "preferred")),
        parameters=PARAMETERS,
    ),
    ephemeralVolumesSizeLimit=fields(shm=TEXT, temporaryData=TEXT),
    affinity=fields(enablePodAntiAffinity=TRUTH, topologyKey=TEXT, podAntiAffinityType=TEXT),
    storage=fields(size=TEXT), walStorage=fields(size=TEXT), monitoring=fields(enablePodMonitor=TRUTH),
    plugins=each(PLUGIN),
)  # fmt: skip
OBJECT_STORE = fields(
    "configuration",
    retentionPolicy=TEXT,
    configuration=fields(
        "destinationPath",
        destinationPath=TEXT, s3Credentials=fields(accessKeyId=SECRET_KEY, secretAccessKey=SECRET_KEY),
        wal=fields(compression=TEXT, maxParallel=NUMBER),
    ),
)  # fmt: skip
SCHEDULED = fields(
    "schedule", "cluster",
    schedule=TEXT, backupOwnerReference=TEXT, cluster=fields("name", name=TEXT), method=TEXT,
    pluginConfiguration=fields("name", name=TEXT),
)  # fmt: skip

# https://strimzi.io/docs/operators/latest/configuring
VOLUME = fields("id", "type", "size", id=NUMBER, type=TEXT, size=TEXT, deleteClaim=TRUTH, kraftMetadata=TEXT)
POOL = fields(
    "replicas", "roles", "storage",
    replicas=NUMBER, roles=each(one_of("controller", "broker")), resources=RESOURCES,
    storage=fields("type", type=TEXT, volumes=each(VOLUME)),
)  # fmt: skip
LISTENING = fields(
    "name", "port", "type", "tls",
    name=TEXT, port=NUMBER, type=TEXT, tls=TRUTH, authentication=fields("type", type=one_of("scram-sha-512", "tls")),
)  # fmt: skip
KAFKA = fields(
    "kafka",
    kafka=fields(
        "listeners",
        listeners=each(LISTENING), authorization=fields("type", type=TEXT), rack=fields(topologyKey=TEXT), config=ANY,
    ),
    entityOperator=fields(userOperator=ANY, topicOperator=ANY),
)  # fmt: skip
RESOURCE = fields("type", type=one_of("topic", "group", "cluster"), name=TEXT, patternType=one_of("literal", "prefix"))
ACL = fields("resource", "operations", resource=RESOURCE, operations=TEXT_LIST)
KAFKA_USER = fields(
    "authentication",
    authentication=fields("type", type=TEXT), authorization=fields("type", type=TEXT, acls=each(ACL)),
)  # fmt: skip

# https://github.com/Altinity/clickhouse-operator, docs/custom_resource_explained.md
TEMPLATES = each(fields("name", "spec", name=TEXT, spec=ANY))
CLICKHOUSE = fields(
    "configuration",
    defaults=fields(templates=TEXTS), configuration=fields(clusters=each(fields("name", name=TEXT, layout=ANY)), users=ANY),
    templates=fields(podTemplates=TEMPLATES, volumeClaimTemplates=TEMPLATES),
)  # fmt: skip

SPECS: dict[tuple[str, str], dict[str, Any]] = {
    ("keda.sh/v1alpha1", "ScaledObject"): SCALED_OBJECT,
    ("security.istio.io/v1", "PeerAuthentication"): fields("selector", "mtls", selector=SELECTOR, mtls=MTLS),
    ("security.istio.io/v1", "AuthorizationPolicy"): AUTHORIZATION,
    ("security.istio.io/v1", "RequestAuthentication"): fields("selector", "jwtRules", selector=SELECTOR, jwtRules=each(JWT)),
    ("networking.istio.io/v1", "VirtualService"): fields("hosts", "http", hosts=TEXT_LIST, http=ROUTES),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): fields(
        "selector", "endpoints", selector=SELECTOR, namespaceSelector=NAMESPACES, endpoints=each(ENDPOINT)
    ),
    ("monitoring.coreos.com/v1", "PodMonitor"): fields(
        "selector", "podMetricsEndpoints", selector=SELECTOR, namespaceSelector=NAMESPACES, podMetricsEndpoints=each(ENDPOINT)
    ),
    ("gateway.networking.k8s.io/v1", "Gateway"): fields(
        "gatewayClassName", "listeners", gatewayClassName=TEXT, listeners=each(LISTENER)
    ),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): fields(
        "parentRefs", "rules",
        parentRefs=each(fields("name", name=TEXT, namespace=TEXT, sectionName=TEXT)), hostnames=TEXT_LIST, rules=each(HTTP_RULE),
    ),
    ("postgresql.cnpg.io/v1", "Cluster"): CLUSTER,
    ("postgresql.cnpg.io/v1", "ScheduledBackup"): SCHEDULED,
    ("barmancloud.cnpg.io/v1", "ObjectStore"): OBJECT_STORE,
    ("kafka.strimzi.io/v1", "Kafka"): KAFKA,
    ("kafka.strimzi.io/v1", "KafkaNodePool"): POOL,
    ("kafka.strimzi.io/v1", "KafkaUser"): KAFKA_USER,
    ("clickhouse.altinity.com/v1", "ClickHouseInstallation"): CLICKHOUSE,
}  # fmt: skip


def complaints(document: dict[str, Any]) -> list[str]:
    """What is wrong with an object, each with its place; nothing if Kubernetes, or the operator, would take it."""
    name = f"{document['kind']} {document['metadata']['name']}"
    found: Iterable[Any] = _validator(document["apiVersion"], document["kind"]).iter_errors(document)
    return [f"{name}: {'/'.join(map(str, error.instance_path))}: {error.message}"[:600] for error in found]


@functools.cache
def _validator(version: str, kind: str) -> Any:
    if (version, kind) in SPECS:
        spec = SPECS[version, kind]
        return jsonschema_rs.validator_for(
            fields("apiVersion", "kind", "metadata", "spec", apiVersion=TEXT, kind=TEXT, metadata=ANY, spec=spec)
        )
    return jsonschema_rs.validator_for(_of_kubernetes(version, kind), registry=_registry())


def _of_kubernetes(version: str, kind: str) -> Any:
    """`networking.k8s.io/v1` is `networking-v1` in the names of its schemas."""
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", version)
    return json.loads(_schema(f"{kind.lower()}-{group}.json"))


@functools.cache
def _registry() -> Any:
    return jsonschema_rs.Registry([("json-schema:///_definitions.json", json.loads(_schema("_definitions.json")))])


def _schema(name: str) -> str:
    return (files("kubernetes_validate") / "kubernetes-json-schema" / KUBERNETES / name).read_text()
