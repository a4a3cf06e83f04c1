"""The dashboards and rules of `deploy/`, and the metrics that they name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RULES = [DEPLOY / "prometheus" / "rules.yml", DEPLOY / "prometheus" / "alerts.yml"]
METRIC = re.compile(r"\b(?:up|(?:ragsite|django|process)_\w+|ragsite:\w+:\w+)\b")
WITHOUT = re.compile(r'\{[^}]*\}|"[^"]*"|\b(?:by|on)\s*\([^)]*\)')
"""Parts of an expression in which no metric stands: selectors, texts, and labels to group by."""


def expressions(path: Path) -> Iterator[str]:
    """All that a file asks Prometheus for."""
    if path.suffix == ".json":
        yield from _targets(json.loads(path.read_text()))
    else:
        groups = yaml.safe_load(path.read_text())["groups"]
        yield from (rule["expr"] for group in groups for rule in group["rules"])


def metrics_named() -> dict[str, str]:
    """Each metric that is named, and a file that names it."""
    return {
        name: path.name
        for path in (*DASHBOARDS, *RULES)
        for expression in expressions(path)
        for name in METRIC.findall(WITHOUT.sub("", expression))
    }


def _targets(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("expr"), str):
            yield part["expr"]
        for value in part.values():
            yield from _targets(value)
    elif isinstance(part, list):
        for value in part:
            yield from _targets(value)
