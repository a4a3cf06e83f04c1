"""Brokers of librdkafka's own, within this process, whose memory survives their absence, and which answer with errors on demand.

The Python client has no door to them; its library has, and is asked by ctypes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import confluent_kafka

PRODUCER, PRODUCE = 0, 0
"""librdkafka's kind of client, and Kafka's number of the request to produce."""

BROKER = 1
NOT_ENOUGH_REPLICAS, REQUEST_TIMED_OUT, COORDINATOR_LOADING, THROTTLED = 19, 7, 14, 89
NOT_LEADER, LEADER_NOT_AVAILABLE, TRANSPORT = 6, 5, -195
"""Kafka's codes of errors that pass; the last is the client's own, for a connection that is cut."""


class MockKafka:
    """One broker with topics."""

    def __init__(self, topics: Iterable[str], *, partitions: int) -> None:
        folder = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
        self._library = ctypes.CDLL(str(next(folder.glob("librdkafka-*.so*"))))
        for name in ("rd_kafka_new", "rd_kafka_conf_new", "rd_kafka_mock_cluster_new"):
            getattr(self._library, name).restype = ctypes.c_void_p
        self._library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        said = ctypes.create_string_buffer(512)
        settings = ctypes.c_void_p(self._library.rd_kafka_conf_new())
        self._client = ctypes.c_void_p(self._library.rd_kafka_new(PRODUCER, settings, said, len(said)))
        self._cluster = ctypes.c_void_p(self._library.rd_kafka_mock_cluster_new(self._client, 1))
        self.address: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        for name in topics:
            self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)

    def refuse(self, *codes: int) -> None:
        """Answer the next requests to produce with these errors, one each."""
        listed = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, PRODUCE, len(codes), listed)

    def go(self) -> None:
        """Be away: connections are cut, and none is taken."""
        self._library.rd_kafka_mock_broker_set_down(self._cluster, BROKER)

    def come_back(self) -> None:
        """With all that it had."""
        self._library.rd_kafka_mock_broker_set_up(self._cluster, BROKER)

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)


@contextmanager
def mock_kafka(topics: Iterable[str], *, partitions: int) -> Iterator[MockKafka]:
    made = MockKafka(topics, partitions=partitions)
    try:
        yield made
    finally:
        made.close()
