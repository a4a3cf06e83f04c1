"""What a running system tells Prometheus: every process, and every metric that dashboards and rules name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from ragsite_client import Client

from ragsite.stack.local import PROJECT_DIR
from ragsite.stack.supervisor import procfile
from ragsite.stack.system import System, metrics_ports
from tests.project.monitoring_files import metrics_named
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

TEXT = "The pilot boat of Nordholm is painted orange.\n"
OF_PROMETHEUS = {"up"}
"""What Prometheus says of a process itself."""

SELDOM = {"ragsite_webhook_deliveries_total"}
"""What a worker that forks tells once there was one: no webhook is set up here."""


def addresses(running: System) -> dict[str, str]:
    """Where each process is scraped."""
    ports = metrics_ports(running.environ, procfile(PROJECT_DIR / "Procfile", running.environ))
    found = {name: f"http://127.0.0.1:{port}/metrics" for name, port in ports.items()}
    return found | {"web": f"{running.url}/metrics"}


def scraped(url: str) -> Iterator[Metric]:
    return text_string_to_metric_families(httpx.get(url, timeout=20).raise_for_status().text)


def value(url: str, name: str, **labels: str) -> float:
    """The sum of the series that have these labels."""
    samples = (sample for family in scraped(url) for sample in family.samples)
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


def test_a_document_and_a_question_are_found_again_in_what_the_processes_tell(
    running: System, client: Client, tmp_path: Path
) -> None:
    at = addresses(running)
    assert set(at) == {"web", "parsing", "general", "models", "beat", "relay", "webhooks"}
    before = value(at["models"], "ragsite_model_tokens_total", kind="embedding")
    done = {stage: _done(at, stage) for stage in ("parse", "chunk", "embed", "activate")}
    path = tmp_path / "pilot.txt"
    path.write_text(TEXT)
    base = client.create_knowledge_base("Boats that are counted").id
    (version,) = client.as_ended([client.upload(base, path)], seconds=120)
    assert version.status == "ready"
    assert client.ask("Which colour has the pilot boat of Nordholm?", knowledge_bases=[base]).found

    for stage, earlier in done.items():
        wait_for(
            lambda stage=stage, earlier=earlier: _done(at, stage) > earlier, seconds=30, what=f"{stage} is counted"
        )
    assert value(at["models"], "ragsite_model_tokens_total", kind="embedding") > before
    assert value(at["models"], "ragsite_model_memory_bytes") > 0
    assert value(at["web"], "ragsite_model_calls_total", kind="embedding", outcome="done") > 0
    assert value(at["web"], "ragsite_step_seconds_count", step="dense") > 0
    listening = {"name": "ragsite_queue_workers", "queue": "embedding"}
    wait_for(lambda: value(at["web"], **listening) == 1, seconds=60, what="the model worker is heard of")
    assert value(at["beat"], "ragsite_beat_leads") == 1
    assert {value(url, "ragsite_reading_ok", source="database") for name, url in at.items() if name == "web"} == {1}


def _done(at: dict[str, str], stage: str) -> float:
    worker = {"parse": "parsing", "embed": "models"}.get(stage, "general")
    return value(at[worker], "ragsite_stage_ends_total", stage=stage, outcome="done")


def test_every_metric_that_dashboards_and_rules_name_is_told_by_some_process(running: System, client: Client) -> None:
    """After the document and the question above, and the checks and alerts that run by the clock."""

    def missing() -> set[str]:
        families = [family for url in addresses(running).values() for family in scraped(url)]
        told = {sample.name for family in families for sample in family.samples}
        told |= {f"{family.name}_total" for family in families if family.type == "counter"}
        told |= {
            f"{family.name}_{end}"
            for family in families
            for end in ("bucket", "sum", "count")
            if family.type == "histogram"
        }
        told |= {family.name for family in families}
        return {name for name in metrics_named() if ":" not in name} - told - OF_PROMETHEUS - SELDOM

    wait_for(lambda: not missing(), seconds=90, what=f"every metric is told; missing are {missing()}")
