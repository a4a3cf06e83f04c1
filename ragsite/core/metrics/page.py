"""The manual's page of metrics, made of their table."""

from __future__ import annotations

from collections.abc import Iterable

from ragsite.core.metrics.declared import METRICS, OTHER, Label, Metric, Told

INTRODUCTION = f"""# Metrics

Made of the table in `ragsite/core/metrics/declared.py` by `manage.py docs_metrics`; change the table, not this page. How they are
scraped, and what dashboards and alert rules come with them, is in [operations.md](operations.md#metrics).

A label has a bounded number of values. What comes beyond the most of one is told together, as `{OTHER}`; no label holds a name or
id of a tenant, a person, a document or a question. Prometheus shows a histogram as `…_bucket`, `…_sum` and `…_count`.
"""

OF: dict[Told, str] = {
    Told.WEB: "Told by the web process, of itself",
    Told.DATABASE: "Told by the web process, of the installation",
    Told.WORKER: "Told by workers",
    Told.MODELS: "Told by model workers",
    Told.BEAT: "Told by beat",
    Told.RELAY: "Told by the relay",
    Told.ANY: "Told by each process in which it happens",
}

BESIDES: dict[Told, str] = {
    Told.DATABASE: "They are read in PostgreSQL when Prometheus asks, and for five seconds told again. "
    "Each web process tells the same: take `max`, not `sum`.",
    Told.WORKER: "A worker that forks tells what all its processes did, those that are gone too.",
}


def page() -> str:
    """The page, in Markdown."""
    return "\n".join([INTRODUCTION, *(_section(told) for told in OF), _labels()])


def _section(told: Told) -> str:
    rows = [_row(one) for one in METRICS if one.told is told]
    head = ["| metric | kind | labels | says |", "|---|---|---|---|"]
    besides = [BESIDES[told], ""] if told in BESIDES else []
    return "\n".join([f"## {OF[told]}", "", *besides, *head, *rows, ""])


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label.name}`" for label in metric.labels)
    kept = f" Kept by {metric.of_library}." if metric.of_library else ""
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.sentence}{kept} |"


def _labels() -> str:
    named = sorted({(label.name, label.says, label) for label in _all_labels()}, key=lambda found: found[:2])
    rows = [f"| `{name}` | {says} | {label.most} | {_where(label)} |" for name, says, label in named]
    return "\n".join(["## Labels", "", "| label | says | most values | of |", "|---|---|---|---|", *rows, ""])


def _all_labels() -> Iterable[Label]:
    return (label for one in METRICS for label in one.labels)


def _where(label: Label) -> str:
    return ", ".join(f"`{one.name}`" for one in METRICS if label in one.labels)
