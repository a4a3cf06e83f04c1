from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased
from opentelemetry.trace import StatusCode

from ragsite.core.errors import ConflictError
from ragsite.core.tracing import database
from ragsite.core.tracing.database import statement_summary, statement_traced
from ragsite.core.tracing.provider import WorkSampler
from ragsite.core.tracing.spans import (
    NOT_TRACED,
    SpanKind,
    is_traced,
    part,
    span,
    span_past,
    told,
    trace_id,
    traceparent,
    tracer_use,
)
from ragsite.core.tracing.told_attributes import ToldSpans
from ragsite.core.tracing.tracer import OtelTracer

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SECRET = "the harbour master's password is herring"


@pytest.fixture
def provider() -> TracerProvider:
    return TracerProvider(sampler=ParentBased(WorkSampler(1.0)))


@pytest.fixture
def sent(provider: TracerProvider) -> Iterator[InMemorySpanExporter]:
    """What leaves this process, which traces meanwhile."""
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(ToldSpans(exporter, texts=False)))
    tracer_use(OtelTracer(provider.get_tracer("ragsite")))
    yield exporter
    tracer_use(None)


def test_nothing_is_traced_until_a_tracer_is_given() -> None:
    assert span("anything") is NOT_TRACED
    with span("anything") as nothing:
        nothing.tell(ragsite__job="parse")
        assert (is_traced(), traceparent()) == (False, "")


def test_a_part_belongs_to_the_callers_trace_and_what_is_within_to_the_part(sent: InMemorySpanExporter) -> None:
    with span("outer", SpanKind.SERVER, parent=GIVEN):
        assert trace_id() == "4bf92f3577b34da6a3ce929d0e0e4736"
        with part("inner", ragsite__job="parse"):
            told(gen_ai__usage__input_tokens=7)
    span_past("past", parent=GIVEN, times=(1.0, 2.5))
    inner, outer, past = sent.get_finished_spans()
    assert (inner.parent, inner.attributes) == (
        outer.context,
        {"ragsite.job": "parse", "gen_ai.usage.input_tokens": 7},
    )
    assert {f"{one.context.trace_id:032x}" for one in (inner, outer, past)} == {GIVEN.split("-")[1]}
    assert (past.end_time or 0) - (past.start_time or 0) == 1_500_000_000


def test_no_span_says_the_words_of_an_error_or_what_a_library_recorded(
    sent: InMemorySpanExporter, provider: TracerProvider
) -> None:
    with pytest.raises(ConflictError), span("ours"):
        raise ConflictError(SECRET)
    with pytest.raises(ValueError, match="herring"), span("foreign"):
        raise ValueError(SECRET)
    recorded = {"db.statement": SECRET, "url.full": SECRET, "db.query.summary": "SELECT documents_chunk"}
    with (
        pytest.raises(RuntimeError),
        provider.get_tracer("library").start_as_current_span("its own", attributes=recorded),
    ):
        raise RuntimeError(SECRET)
    ours, foreign, theirs = sent.get_finished_spans()
    assert "herring" not in "".join(one.to_json() for one in (ours, foreign, theirs))
    assert [one.attributes for one in (ours, foreign)] == [{"error.type": "conflict"}, {"error.type": "ValueError"}]
    assert theirs.attributes == {"db.query.summary": "SELECT documents_chunk"}
    assert {one.status.status_code for one in (ours, foreign, theirs)} == {StatusCode.ERROR}
    assert theirs.events[0].attributes == {"exception.type": "RuntimeError"}


def test_what_nobody_asked_for_begins_no_trace_and_who_is_not_sampled_has_none(sent: InMemorySpanExporter) -> None:
    with part("a statement of no work"), span("a library's own call", SpanKind.CLIENT):
        assert not is_traced()
    with span("not wanted", SpanKind.SERVER, parent=GIVEN[:-2] + "00"):
        assert (is_traced(), traceparent()[-2:]) == (False, "00")
    assert sent.get_finished_spans() == ()


def test_a_generator_that_is_closed_elsewhere_leaves_what_is_at_hand_there(sent: InMemorySpanExporter) -> None:
    def pieces() -> Iterator[int]:
        with part("writing"):
            yield 1

    with span("request"):
        written = pieces()
        next(written)
    with span("another") as _:
        at_hand = traceparent()
        written.close()  # type: ignore[attr-defined]
        assert traceparent() == at_hand
    assert [one.status.status_code for one in sent.get_finished_spans()] == [StatusCode.UNSET] * 3


def test_statements_are_counted_on_what_asks_and_one_that_is_long_or_fails_is_a_part_of_its_own(
    sent: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError(SECRET)

    sql = 'SELECT "id" FROM "documents_chunk"'
    with span("job", parent=GIVEN):
        assert statement_traced(lambda *_: "row", sql, (), False, None) == "row"
        with pytest.raises(ValueError, match="herring"):
            statement_traced(fails, sql, (), False, None)
        monkeypatch.setattr(database, "LONG_SECONDS", 0.0)
        statement_traced(lambda *_: time.sleep(0.001), sql, (), False, None)
    statement_traced(lambda *_: None, sql, (), False, None)
    failed, long, job = sent.get_finished_spans()
    assert {one.name for one in (failed, long)} == {"SELECT documents_chunk"}
    assert failed.parent == long.parent == job.context
    assert ((failed.attributes or {}).get("error.type"), failed.status.status_code) == ("ValueError", StatusCode.ERROR)
    assert "herring" not in failed.to_json()
    told_of_job = job.attributes or {}
    assert told_of_job["ragsite.db.statements"] == 3
    assert told_of_job["ragsite.db.milliseconds"] >= 1  # type: ignore[operator]  # it is a number


def test_a_collector_that_is_away_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    class Away(SpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            return SpanExportResult.FAILURE

    away = ToldSpans(Away(), texts=False)
    for _ in range(3):
        assert away.export([ReadableSpan("one")]) is SpanExportResult.FAILURE
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ('SELECT "documents_chunk"."id" FROM "documents_chunk" WHERE "text" = \'herring\'', "SELECT documents_chunk"),
        ("INSERT INTO core_outboxevent (id) VALUES (%s)", "INSERT core_outboxevent"),
        ("\n    WITH chosen AS (SELECT 1) UPDATE documents_documentversion AS held SET x = 1",
         "WITH documents_documentversion"),
        ("SAVEPOINT s1", "SAVEPOINT"),
    ],
)  # fmt: skip
def test_a_statement_is_told_by_its_verb_and_its_table(statement: str, summary: str) -> None:
    assert statement_summary(statement) == summary
