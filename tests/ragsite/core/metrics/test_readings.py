from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from django.db import OperationalError
from prometheus_client import CollectorRegistry

from ragsite.core.metrics.declared import OTHER
from ragsite.core.metrics.readings import Reading, Readings, Source


def told(*sources: Source) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Readings(*sources))
    return registry


def test_a_storm_of_scrapes_reads_once_until_what_was_read_is_old() -> None:
    now, asked, begun = [0.0], [], threading.Event()

    def read() -> list[Reading]:
        begun.wait(0.05)
        asked.append(now[0])
        return [Reading("ragsite_outbox_waiting", len(asked))]

    registry = told(Source("database", read, kept_seconds=5.0, clock=lambda: now[0]))
    with ThreadPoolExecutor(8) as storm:
        values = set(storm.map(lambda _: registry.get_sample_value("ragsite_outbox_waiting"), range(50)))
    assert (values, len(asked)) == ({1.0}, 1)
    now[0] = 5.0
    assert registry.get_sample_value("ragsite_outbox_waiting") == 2


def test_while_a_source_does_not_answer_it_says_so_and_the_others_are_told() -> None:
    def away() -> list[Reading]:
        raise OperationalError("server closed the connection")

    here = Source("breakers", lambda: [Reading("ragsite_breakers", 1, ("http", "embedding", "open"))])
    registry = told(Source("database", away), here)
    assert registry.get_sample_value("ragsite_reading_ok", {"source": "database"}) == 0
    assert registry.get_sample_value("ragsite_reading_ok", {"source": "breakers"}) == 1
    labels = {"transport": "http", "kind": "embedding", "state": "open"}
    assert registry.get_sample_value("ragsite_breakers", labels) == 1


def test_values_beyond_the_most_of_a_label_are_added_up() -> None:
    models = [Reading("ragsite_model_memory_bytes", 1, (f"model {number}",)) for number in range(70)]
    registry = told(Source("models", lambda: models))
    assert registry.get_sample_value("ragsite_model_memory_bytes", {"model": "model 0"}) == 1
    assert registry.get_sample_value("ragsite_model_memory_bytes", {"model": OTHER}) == 20


def test_a_source_is_read_once_however_often_it_is_added() -> None:
    readings = Readings()
    for _ in range(3):
        readings.add(Source("database", lambda: [Reading("ragsite_outbox_failing", 2)]))
    registry = CollectorRegistry()
    registry.register(readings)
    assert registry.get_sample_value("ragsite_outbox_failing") == 2
