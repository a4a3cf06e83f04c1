from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from ragsite.core.metrics.declared import OTHER
from ragsite.core.metrics.instruments import counter, gauge, histogram


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_what_is_counted_is_told_with_its_labels_and_the_sentence_of_the_table(registry: CollectorRegistry) -> None:
    searches = counter("ragsite_dense_searches_total", registry)
    searches.labels("exact").inc(2)
    searches.labels("exact").inc()
    assert registry.get_sample_value("ragsite_dense_searches_total", {"plan": "exact"}) == 3
    (family,) = registry.collect()
    assert family.documentation == searches.metric.sentence


def test_however_many_values_a_label_is_given_those_beyond_its_most_are_told_as_one(
    registry: CollectorRegistry,
) -> None:
    refused = counter("ragsite_edge_refused_total", registry)
    most = refused.metric.labels[0].most
    for number in range(10 * most):
        refused.labels(f"code_{number}").inc()
    refused.labels("code_0").inc()
    (family,) = registry.collect()
    values = {sample.labels["code"]: sample.value for sample in family.samples if sample.name.endswith("_total")}
    assert len(values) == most + 1
    assert values["code_0"] == 2
    assert values[OTHER] == 9 * most
    assert len(refused._children) == most


def test_nothing_is_kept_of_a_metric_before_it_is_used_or_asked_for(registry: CollectorRegistry) -> None:
    leads = gauge("ragsite_beat_leads", registry)
    assert list(registry.collect()) == []
    leads.make()
    assert registry.get_sample_value("ragsite_beat_leads") == 0


def test_a_histogram_has_the_buckets_of_the_table(registry: CollectorRegistry) -> None:
    seconds = histogram("ragsite_job_seconds", registry)
    seconds.labels("parse").observe(0.2)
    buckets = {
        labels["le"]
        for labels in (sample.labels for one in registry.collect() for sample in one.samples)
        if "le" in labels
    }
    assert buckets == {*(str(edge) for edge in seconds.metric.buckets), "+Inf"}


def test_too_few_labels_and_another_kind_are_defects(registry: CollectorRegistry) -> None:
    with pytest.raises(ValueError, match="2 labels"):
        counter("ragsite_stage_ends_total", registry).labels("parse")
    with pytest.raises(LookupError, match="is a counter"):
        gauge("ragsite_stage_ends_total", registry)
