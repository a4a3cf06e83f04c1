from __future__ import annotations

import threading
import time

from apps.monitoring.probes import Probes

SECONDS = 0.3


def test_a_part_that_hangs_keeps_nobody_from_learning_of_the_others_and_is_tried_by_one_thread_alone() -> None:
    hangs, begun = threading.Event(), []

    def probe(name: str) -> str:
        begun.append(name)
        if name == "database":
            hangs.wait(30)
        return "ok"

    probes = Probes(probe, late=lambda name: f"The {name} does not answer.", seconds=SECONDS)
    for _ in range(3):
        started = time.monotonic()
        told = {name: found.sentence for name, found in probes.tried(["database", "redis", "kafka"]).items()}
        assert told == {"database": "The database does not answer.", "redis": "ok", "kafka": "ok"}
        assert time.monotonic() - started < 10 * SECONDS
    assert begun.count("database") == 1
    hangs.set()
    while not probes._running["database"].done():
        time.sleep(0.001)
    assert probes.tried(["database"])["database"].sentence == "ok"
    assert begun.count("database") == 2


def test_a_trial_that_is_under_way_answers_all_who_ask_meanwhile() -> None:
    begun, go_on = [], threading.Event()

    def probe(name: str) -> str:
        begun.append(name)
        go_on.wait(30)
        return "ok"

    probes = Probes(probe, late=lambda _: "late", seconds=30)
    told: list[str] = []
    all_ask = threading.Barrier(5)

    def ask() -> None:
        all_ask.wait(30)
        told.append(probes.tried(["kafka"])["kafka"].sentence)

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for one in asking:
        one.start()
    all_ask.wait(30)
    time.sleep(0.3)
    go_on.set()
    for one in asking:
        one.join()
    assert set(told) == {"ok"}
    assert len(begun) <= 2, "one, or another for who asked after it had ended"
