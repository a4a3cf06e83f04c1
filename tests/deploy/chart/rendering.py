"""Renders deploy/helm/ragsite by Helm's own code, and finds one's way in what comes out."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[3]
HELM = PROJECT / "deploy" / "helm"
CHART = HELM / "ragsite"
NAMESPACE = "rag"
LAPTOP, TEAM, REGIONS = ("laptop",), ("team",), ("multi-region",)
WHOLE = [LAPTOP, TEAM, REGIONS]
"""The sets of values that install everything."""
STANDBY, GREEN, ROUTE = (*REGIONS, "multi-region-standby"), (*TEAM, "green"), (*TEAM, "blue-green-route")

Document = dict[str, Any]


def values_of(files: Iterable[str], **more: Any) -> dict[str, Any]:
    """The values of these files of deploy/helm/ragsite/values, one over the other, as `helm --values` takes them."""
    found: dict[str, Any] = {}
    for file in files:
        found = merged(found, yaml.safe_load((CHART / "values" / f"{file}.yaml").read_text()))
    return merged(found, more)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for key, value in above.items():
        known = both.get(key)
        both[key] = merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return both


def rendered(values: Mapping[str, Any], *, release: str = "ragsite") -> list[Document]:
    """What Helm would install, once the values' schema has taken them.

    Raises:
        helm_python.HelmError: it refuses the values, or a template does.
    """
    with import_module("helm_python").Chart.load(CHART) as chart:
        chart.validate_schema(chart.merge_values(dict(values)))
        texts = chart.render(dict(values), name=release, namespace=NAMESPACE)
    return [
        document
        for name, text in sorted(texts.items())
        if name.endswith(".yaml")
        for document in yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if document
    ]


def linted(values: Mapping[str, Any]) -> dict[str, Any]:
    """What `helm lint --strict` reports: `errors`, and `messages`, whose `severity` is above 1 for warnings and worse."""
    report: dict[str, Any] = import_module("helm_python").lint(
        CHART, dict(values), strict=True, namespace=NAMESPACE, kube_version="v1.34.0"
    )
    return report


@functools.cache
def documents(files: tuple[str, ...], release: str = "ragsite") -> list[Document]:
    return rendered(values_of(files), release=release)


def of_kind(found: Iterable[Document], *kinds: str) -> list[Document]:
    return [one for one in found if one["kind"] in kinds]


def named(found: Iterable[Document], kind: str, name: str) -> Document:
    (one,) = [one for one in of_kind(found, kind) if one["metadata"]["name"] == name]
    return one


def workloads(found: Iterable[Document]) -> list[Document]:
    return of_kind(found, "Deployment", "StatefulSet", "Job")


def component(workload: Document) -> str:
    """Which process or server the pods of this workload are."""
    part: str = workload["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
    return part


def pod(workload: Document) -> Document:
    spec: Document = workload["spec"]["template"]["spec"]
    return spec


def container(workload: Document) -> Document:
    (only,) = pod(workload)["containers"]
    assert isinstance(only, dict)
    return only


def ours(found: Iterable[Document]) -> Iterator[Document]:
    """Workloads of the application, without servers."""
    return (one for one in workloads(found) if "/ragsite-" in f"/{container(one)['image']}")


def environment(workload: Document, secrets: Mapping[str, str]) -> dict[str, str]:
    """The environment of a container as Kubernetes makes it, with these values in Secrets, by their variables' names."""
    found: dict[str, str] = {}
    for one in container(workload)["env"]:
        name, source = one["name"], one.get("valueFrom", {})
        text = one.get("value", "")
        if "secretKeyRef" in source:
            text = secrets[name]
        elif "fieldRef" in source:
            text = "10.1.2.3"
        found[name] = re.sub(r"\$\((\w+)\)", lambda match: found[match[1]], text)
    return found


def chosen(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector of labels chooses them."""
    expressions = selector.get("matchExpressions", [])
    assert {one["operator"] for one in expressions} <= {"In"}
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(one["key"]) in one["values"] for one in expressions
    )
