"""The relay as a process: the events of the outbox, and beside them samples."""

from __future__ import annotations

import threading

from ragsite.core.configuration import ServerSettings
from workers.relay import Relay
from workers.relay_samples import SampleRelay
from workers.relay_sending import Sending


def relay_run(stop: threading.Event) -> None:
    """Run a relay in this process until `stop` is set."""
    settings = ServerSettings.current()
    samples = SampleRelay(Sending(settings.kafka_client), settings.redis_url)
    beside = threading.Thread(target=samples.run, args=(stop,), name="samples")
    beside.start()
    try:
        Relay(settings.kafka_client).run(stop)
    finally:
        stop.set()
        beside.join()
