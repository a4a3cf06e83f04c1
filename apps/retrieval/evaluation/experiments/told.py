"""What MLflow is told of an entry: parameters, figures with their intervals, and which version of a model it is about."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse

from apps.models.models import ModelVersion
from apps.retrieval.evaluation.comparing import differences
from apps.retrieval.evaluation.selectors import results_worst_first
from apps.retrieval.evaluation.significance import mean_intervals
from apps.retrieval.models import EvaluationRun, ExperimentEntry, IndexGeneration, Reindex, RunState
from ragsite.core.configuration import ServerSettings

FIGURE = "ndcg@10"
_NOT_OF_A_NAME = re.compile(r"[^\w\-. ]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldExperiment:
    """A run for MLflow. `identity` is the tag by which it is found again, `page` its page in the admin, `files` texts by name."""

    experiment: str
    name: str
    identity: tuple[str, str]
    page: str
    tags: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def experiment_told(entry: ExperimentEntry) -> ToldExperiment:
    """What is told of it now."""
    if entry.run is not None:
        return run_told(entry.run)
    if entry.reindex is not None:
        return reindex_told(entry.reindex)
    return activation_told(entry)


def run_told(run: EvaluationRun) -> ToldExperiment:
    """An evaluation run, with its questions as a table."""
    base = run.evaluation_set.knowledge_base
    return ToldExperiment(
        experiment=f"ragsite: {base} / {run.evaluation_set}",
        name=str(run),
        identity=("ragsite.run", str(run.pk)),
        page=_page("admin:retrieval_evaluationrun_change", run.pk),
        tags={"ragsite.kind": "evaluation", "ragsite.tenant": str(base.tenant_id)},
        parameters=_run_parameters(run),
        metrics=dict(_run_metrics(run)),
        files={"questions.csv": questions_csv(run)},
    )


def reindex_told(reindex: Reindex) -> ToldExperiment:
    """A re-index, with what its comparison said of each evaluation set."""
    base = reindex.knowledge_base
    metrics = {name: value for pair in reindex.comparison for name, value in _compared(pair)}
    return ToldExperiment(
        experiment=f"ragsite: {base} / re-indexes",
        name=str(reindex),
        identity=("ragsite.reindex", str(reindex.pk)),
        page=_page("workspace-tab", base.pk, "index"),
        tags={"ragsite.kind": "reindex", "ragsite.tenant": str(base.tenant_id), "ragsite.state": reindex.state},
        parameters={
            "knowledge_base": str(base.pk), "is_rollback": reindex.is_rollback, "switch": reindex.switch,
            "margin": reindex.margin,
            **_generation_parameters("before", reindex.previous), **_generation_parameters("after", reindex.generation),
        },
        metrics=metrics,
    )  # fmt: skip


def activation_told(entry: ExperimentEntry) -> ToldExperiment:
    """That a version of a model came into use, and after which one."""
    version = entry.version
    assert version is not None  # noqa: S101 - a constraint says so
    earlier = ExperimentEntry.objects.filter(version__model=version.model_id, pk__lt=entry.pk).order_by("-id").first()
    before = _model_parameters("before", earlier.version) if earlier and earlier.version else {}
    return ToldExperiment(
        experiment="ragsite: models",
        name=f"{version}, {entry.created_at:%Y-%m-%d %H:%M}",
        identity=("ragsite.activation", str(entry.pk)),
        page=_page("admin:model_registry_modelversion_change", version.pk),
        tags={"ragsite.kind": "activation", "ragsite.version": str(version.pk)},
        parameters={
            "kind": version.kind, "dimensions": version.dimensions, "max_tokens": version.max_tokens,
            "licence": version.licence, **_model_parameters("model", version), **before,
        },
        metrics={} if version.bytes is None else {"bytes": float(version.bytes)},
    )  # fmt: skip


def questions_csv(run: EvaluationRun) -> str:
    """The results of a run as CSV, the worst first."""
    out = io.StringIO()
    writer: Any = None
    for result in results_worst_first(run).iterator(chunk_size=500):
        row = {"question": result.text, **result.metrics, "milliseconds": round(result.milliseconds, 2)}
        if writer is None:
            writer = csv.DictWriter(out, fieldnames=list(row))
            writer.writeheader()
        writer.writerow(row)
    return out.getvalue()


def _run_parameters(run: EvaluationRun) -> dict[str, Any]:
    return {
        "evaluation_set": str(run.evaluation_set_id),
        "knowledge_base": str(run.evaluation_set.knowledge_base_id),
        "generation": run.generation_id,
        "mode": run.mode,
        "rerank": run.rerank,
        "k": run.k,
        "depth": run.depth,
        **run.parameters,
        **(_model_parameters("model", run.generation.model_version) if run.generation else {}),
    }


def _run_metrics(run: EvaluationRun) -> Iterator[tuple[str, float]]:
    """Each figure, and of those of quality the interval that holds the mean with 95 %."""
    rows = list(run.results.order_by("id").values_list("metrics", flat=True))
    names = [name for name in run.metrics if rows and all(name in row for row in rows)]
    intervals = mean_intervals([[float(row[name]) for name in names] for row in rows]) if names else []
    yield from ((_metric(name), float(value)) for name, value in run.metrics.items())
    for name, (low, high) in zip(names, intervals, strict=True):
        yield from _interval(_metric(name), low, high)


def _compared(pair: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """What a comparison of one set said, and the interval of the difference."""
    name = f"{_NOT_OF_A_NAME.sub('_', pair['set'])}/{_metric(FIGURE)}"
    for part in ("before", "after", "p", "questions"):
        if part in pair:
            yield f"{name}_{part}", float(pair[part])
    if "before" in pair and "after" in pair:
        yield f"{name}_difference", float(pair["after"]) - float(pair["before"])
    values = _differences(pair)
    if values:
        ((low, high),) = mean_intervals([[value] for value in values])
        yield from _interval(f"{name}_difference", low, high)


def _differences(pair: Mapping[str, Any]) -> Sequence[float]:
    ids = [pair["after_run"], pair["before_run"]]
    done = {str(one.pk): one for one in EvaluationRun.objects.filter(pk__in=ids, state=RunState.DONE)}
    after, before = (done.get(one) for one in ids)
    return differences(after, before, name=FIGURE) if after and before else ()


def _interval(name: str, low: float, high: float) -> Iterator[tuple[str, float]]:
    yield f"{name}_low", low
    yield f"{name}_high", high


def _metric(name: str) -> str:
    """MLflow's names have no @."""
    return name.replace("@", "_")


def _generation_parameters(prefix: str, generation: IndexGeneration | None) -> dict[str, Any]:
    if generation is None:
        return {}
    return {f"{prefix}_chunking": generation.chunking, **_model_parameters(prefix, generation.model_version)}


def _model_parameters(prefix: str, version: ModelVersion) -> dict[str, Any]:
    """A version as it is registered."""
    return {
        f"{prefix}_name": version.model.name,
        f"{prefix}_revision": version.revision,
        f"{prefix}_sha256": version.sha256,
        f"{prefix}_version": str(version.pk),
    }


def _page(name: str, *of: Any) -> str:
    """Its address, where it is known how people open ragsite."""
    root = ServerSettings.current().public_url.rstrip("/")
    return f"{root}{reverse(name, args=of)}" if root else ""
