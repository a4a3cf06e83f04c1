"""Dashboards and rules name metrics that there are, and rules are what Prometheus itself takes for rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ragsite.core.metrics.declared import METRICS
from tests.project.monitoring_files import DASHBOARDS, RULES, expressions, metrics_named

PROJECT = Path(__file__).resolve().parents[2]
PROMETHEUS = PROJECT / "deploy" / "prometheus"
OF_PROMETHEUS = {"up", "process_resident_memory_bytes"}
"""What Prometheus and its client tell of every process."""


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.fail("No promtool found. Install Prometheus (Debian: prometheus), or deselect with -m 'not promtool'.")
    return found


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in DASHBOARDS:
        yield from ((path.stem, panel) for panel in json.loads(path.read_text())["panels"])


def recorded() -> set[str]:
    rules = [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
    return {rule["record"] for rule in rules if "record" in rule}


def test_every_metric_that_a_dashboard_or_a_rule_names_is_declared() -> None:
    declared = {series for metric in METRICS for series in metric.series} | OF_PROMETHEUS | recorded()
    assert {name: where for name, where in metrics_named().items() if name not in declared} == {}


def test_every_metric_of_ours_is_on_a_dashboard() -> None:
    shown = {
        name
        for path in DASHBOARDS
        for expression in expressions(path)
        for name in re.findall(r"ragsite_\w+", expression)
    }
    assert [one.name for one in METRICS if not one.of_library and not set(one.series) & shown] == []


def test_panels_have_words_and_numbers_of_their_own_and_ask_the_chosen_source() -> None:
    seen: dict[str, list[int]] = {}
    for board, panel in panels():
        assert panel["title"], board
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["legendFormat"] for target in panel["targets"])
        seen.setdefault(board, []).append(panel["id"])
    assert all(len(set(ids)) == len(ids) for ids in seen.values())


def test_every_alert_says_what_is_wrong_and_what_mends_it() -> None:
    rules = [
        rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]
    ]
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description"}, rule["alert"]
        assert all(text.endswith(".") for text in rule["annotations"].values()), rule["alert"]


def test_what_prometheus_scrapes_are_the_processes_of_compose() -> None:
    services = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    targets = [
        target for one in config["scrape_configs"] for part in one["static_configs"] for target in part["targets"]
    ]
    names = {target.partition(":")[0] for target in targets}
    ours = {name for name, service in services.items() if "build" in service} - {"migrate", "bootstrap"}
    # That with a GPU answers by the name of the other, in whose place it runs.
    assert names == ours - {"models-gpu"}
    ports = {target for target in targets if not target.startswith(("web:", "flower:"))}
    assert {target.rpartition(":")[2] for target in ports} == {"9464"}


@pytest.mark.promtool
@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_prometheus_takes_the_rules(promtool: str, path: Path) -> None:
    checked = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.promtool
def test_prometheus_takes_the_configuration(promtool: str, tmp_path: Path) -> None:
    for path in (*RULES, PROMETHEUS / "prometheus.yml"):
        text = (
            path.read_text().replace("/etc/prometheus/ragsite", str(tmp_path)).replace("/etc/prometheus", str(tmp_path))
        )
        (tmp_path / path.name).write_text(text)
    (tmp_path / "flower_password").write_text("secret")
    command = [promtool, "check", "config", tmp_path / "prometheus.yml"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.promtool
def test_alerts_fire_at_what_they_are_for_and_at_nothing_else(promtool: str) -> None:
    command = [promtool, "test", "rules", Path(__file__).with_name("prometheus_rules.yml")]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
