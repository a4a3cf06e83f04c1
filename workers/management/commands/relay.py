from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from workers.relay import relay_run


class Command(BaseCommand):
    help = "Publish outbox events to Kafka until stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        relay_run(stop)
