"""The rules of alerts, without a database: when they open and close, and that nothing flaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from apps.monitoring.alerts.rules import (
    HEALTH_DEGRADED,
    HEALTH_FAILED,
    RULES,
    Phase,
    Rule,
    Standing,
    judged,
    rule_named,
)
from apps.monitoring.models import Severity
from ragsite.core.metrics.declared import Kind, Told, metric_named

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
IS_OPEN = (Phase.OPEN, Phase.CALMING)

limits = st.tuples(st.floats(0, 100), st.floats(0, 100)).map(sorted)
spans = st.integers(0, 300).map(lambda seconds: timedelta(seconds=seconds))
series = st.lists(st.tuples(st.integers(1, 200), st.one_of(st.none(), st.floats(0, 150))), max_size=60)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    closes, opens = draw(limits)
    return Rule("any", Severity.WARNING, "any", opens, closes, draw(spans), draw(spans), "", "", "home")


def followed(rule: Rule, steps: list[tuple[int, float | None]]) -> list[tuple[datetime, float | None, Standing]]:
    """Each moment with the value that was seen and how the rule stands then."""
    now, standing, told = BEGIN, Standing(Phase.CALM, BEGIN), []
    for seconds, value in steps:
        now += timedelta(seconds=seconds)
        standing = judged(rule, standing, value, now)
        told.append((now, value, standing))
    return told


@given(rules(), series)
def test_an_alert_opens_only_after_its_value_stood_above_the_limit_for_the_whole_time(
    rule: Rule, steps: list[tuple[int, float | None]]
) -> None:
    told = followed(rule, steps)
    was_open = False
    for place, (now, _, standing) in enumerate(told):
        if standing.phase in IS_OPEN and not was_open:
            seen = [(at, value) for at, value, _ in told[: place + 1] if value is not None]
            above: list[datetime] = []
            for at, value in reversed(seen):
                if value <= rule.opens:
                    break
                above.append(at)
            assert above, "it was seen above at all"
            assert now - above[-1] >= rule.after
        was_open = standing.phase in IS_OPEN


@given(rules(), series)
def test_an_alert_closes_only_after_its_value_stood_at_or_below_the_lower_limit_for_the_whole_time(
    rule: Rule, steps: list[tuple[int, float | None]]
) -> None:
    told = followed(rule, steps)
    was_open = False
    for place, (now, _, standing) in enumerate(told):
        if was_open and standing.phase not in IS_OPEN:
            seen = [(at, value) for at, value, _ in told[: place + 1] if value is not None]
            calm: list[datetime] = []
            for at, value in reversed(seen):
                if value > rule.closes:
                    break
                calm.append(at)
            assert now - calm[-1] >= rule.calm
        was_open = standing.phase in IS_OPEN


@given(rules(), series)
def test_two_alerts_of_one_subject_are_at_least_as_far_apart_as_the_rule_says(
    rule: Rule, steps: list[tuple[int, float | None]]
) -> None:
    opened = [
        now for (_, _, before), (now, _, after) in pairwise([(BEGIN, None, Standing(Phase.CALM, BEGIN)), *followed(rule, steps)])
        if before.phase not in IS_OPEN and after.phase in IS_OPEN
    ]  # fmt: skip
    assert all(later - earlier >= rule.after + rule.calm for earlier, later in pairwise(opened))


@given(rules(), st.data())
def test_a_value_that_swings_between_the_limits_opens_and_closes_nothing(rule: Rule, data: st.DataObject) -> None:
    swings = st.floats(rule.closes, rule.opens, exclude_min=rule.closes < rule.opens)
    steps = data.draw(st.lists(st.tuples(st.integers(1, 200), swings), max_size=30))
    assert all(standing.phase is Phase.CALM for _, _, standing in followed(rule, steps))
    if rule.closes == rule.opens:
        return
    standing, now = Standing(Phase.OPEN, BEGIN), BEGIN
    for seconds, value in steps:
        now += timedelta(seconds=seconds)
        standing = judged(rule, standing, value, now)
        assert standing.phase is Phase.OPEN


@given(rules(), st.sampled_from(Phase), st.integers(0, 10_000))
def test_a_value_that_nobody_could_read_changes_nothing(rule: Rule, phase: Phase, seconds: int) -> None:
    standing = Standing(phase, BEGIN)
    assert judged(rule, standing, None, BEGIN + timedelta(seconds=seconds)) == standing


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_of_the_table_is_about_a_gauge_that_can_be_read_anywhere_and_leads_to_a_page(rule: Rule) -> None:
    assert rule_named(rule.name) is rule
    assert rule.closes <= rule.opens
    assert rule.calm >= timedelta(minutes=1), "or it flaps"
    assert (rule.title % {"subject": "a", "value": "1", "minutes": "2"}).endswith(".")
    assert rule.advice.endswith(".")
    assert reverse(rule.page)
    if rule.metric not in (HEALTH_FAILED, HEALTH_DEGRADED):
        metric = metric_named(rule.metric)
        assert (metric.kind, metric.told) == (Kind.GAUGE, Told.DATABASE)
        assert rule.by in {"", *(label.name for label in metric.labels)}


def test_of_one_metric_the_worse_rule_opens_later_and_names_the_metric_in_the_same_way() -> None:
    by_metric: dict[str, list[Rule]] = {}
    for rule in RULES:
        by_metric.setdefault(rule.metric, []).append(rule)
    for told in by_metric.values():
        assert len({rule.by for rule in told}) == 1
        assert sorted(told, key=lambda rule: rule.opens) == sorted(told, key=lambda rule: rule.severity, reverse=True)
