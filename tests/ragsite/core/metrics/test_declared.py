from __future__ import annotations

import re
from pathlib import Path

import pytest

from ragsite.core.metrics.declared import METRICS, Kind, metric_named

PROJECT = Path(__file__).resolve().parents[4]
USED = re.compile(r"""\b(?:counter|gauge|histogram|Reading)\(\s*"(ragsite_\w+)\"""")


def used() -> set[str]:
    """The metrics that the code counts or reads."""
    folders = ("ragsite", "apps", "workers")
    texts = (path.read_text() for folder in folders for path in (PROJECT / folder).rglob("*.py"))
    return {name for text in texts for name in USED.findall(text)} | {"ragsite_reading_ok"}


def test_what_is_declared_is_what_the_code_counts_and_reads() -> None:
    assert {one.name for one in METRICS if not one.of_library} == used()


def test_each_name_is_declared_once_and_says_its_kind_and_unit_as_prometheus_has_it() -> None:
    names = [one.name for one in METRICS]
    assert len(set(names)) == len(names)
    for one in METRICS:
        assert one.name.endswith("_total") == (one.kind is Kind.COUNTER), one.name
        assert bool(one.buckets) == (one.kind is Kind.HISTOGRAM and not one.of_library), one.name
        assert one.sentence.endswith("."), one.name


def test_no_label_is_without_bound() -> None:
    """A label for each tenant, document or question would be a series for each."""
    unbounded = {"tenant", "document", "version", "knowledge_base", "user", "key", "question", "request", "id", "path"}
    for one in METRICS:
        assert not unbounded & {label.name for label in one.labels}, one.name
        for label in one.labels:
            assert 0 < label.most <= (300 if one.of_library else 100), (one.name, label.name)


def test_a_metric_that_is_not_declared_is_refused() -> None:
    with pytest.raises(LookupError, match="ragsite_nothing"):
        metric_named("ragsite_nothing")
