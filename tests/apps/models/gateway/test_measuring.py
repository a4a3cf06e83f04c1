from __future__ import annotations

import pytest
from circuitbreaker import CircuitBreakerMonitor
from prometheus_client import REGISTRY

from apps.models.gateway import Deadline, Purpose, generate
from apps.models.gateway.breaker import breaker_make
from apps.models.gateway.calls import using_transport
from apps.models.gateway.measuring import BREAKERS, measured
from apps.models.generation import Message, Role
from apps.models.installed_model import ModelKind
from tests.apps.models.gateway.test_fake import call, model_of
from tests.apps.models.gateway.test_wire import INPUTS

EMBEDS = call(ModelKind.EMBEDDING, INPUTS[ModelKind.EMBEDDING])


def told(name: str, **labels: str) -> float:
    """Of the one instrument: others may be registered that read the database."""
    instrument = REGISTRY._names_to_collectors.get(name)
    families = instrument.collect() if instrument else ()
    return sum(one.value for family in families for one in family.samples if (one.name, one.labels) == (name, labels))


def calls(kind: str, outcome: str) -> float:
    return told("ragsite_model_calls_total", kind=kind, outcome=outcome)


def test_a_call_is_counted_by_what_came_of_it_and_its_seconds_in_any_case() -> None:
    before = (
        calls("embedding", "done"),
        calls("embedding", "failed"),
        told("ragsite_model_call_seconds_count", kind="embedding"),
    )
    with measured(EMBEDS):
        pass
    with pytest.raises(ZeroDivisionError), measured(EMBEDS):
        raise ZeroDivisionError
    after = (
        calls("embedding", "done"),
        calls("embedding", "failed"),
        told("ragsite_model_call_seconds_count", kind="embedding"),
    )
    assert [one - other for one, other in zip(after, before, strict=True)] == [1, 1, 2]


def test_tokens_of_a_text_are_counted_also_of_one_that_its_reader_leaves() -> None:
    model = model_of(ModelKind.GENERATION)
    said = [Message(Role.USER, "The harbour has forty two berths")]
    written, left = told("ragsite_generated_tokens_total", model="any"), calls("generation", "left")
    with using_transport("fake"):
        whole = len(list(generate(said, model=model, purpose=Purpose.ANSWER, deadline=Deadline.after(60)))) - 1
        assert told("ragsite_generated_tokens_total", model="any") == written + whole
        assert told("ragsite_prompt_tokens_total", model="any") > 0
        pieces = generate(said, model=model, purpose=Purpose.ANSWER, deadline=Deadline.after(60))
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
    assert told("ragsite_generated_tokens_total", model="any") == written + whole + 1
    assert calls("generation", "left") == left + 1


def test_ways_to_models_are_told_by_whether_they_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CircuitBreakerMonitor, "circuit_breakers", {})
    broken = breaker_make(EMBEDS, of="http", counts=ZeroDivisionError)
    breaker_make(EMBEDS, of="queue", counts=ZeroDivisionError)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            broken.call(lambda: 1 / 0)
    found = {one.labels: one.value for one in BREAKERS.readings() if one.name == "ragsite_breakers"}
    assert found == {("http", "embedding", "open"): 1, ("queue", "embedding", "closed"): 1}
