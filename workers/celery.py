"""The Celery application. Settings and their reasons are in docs/operations.md; what runs when in workers/jobs.py."""

from __future__ import annotations

import os

import kombu
from celery import Celery

from ragsite.core.configuration import ServerSettings
from ragsite.core.environment import process_is
from workers import guard
from workers.queues import Queue

guard.install()
# Celery would have Django check each worker at its start, and for that import all that the web process serves.
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")

VISIBILITY_SECONDS = 900
SOCKET_SECONDS = 2 if process_is("web") else 10
"""A person waits on the web process; a worker's blocking reads take their time."""


class Config:
    """Celery's settings."""

    @property
    def broker_url(self) -> str:

        return ServerSettings.current().redis_url

    task_ignore_result = True

    task_serializer = "json"
    accept_content = ["json"]

    task_queues = [kombu.Queue(queue.value, kombu.Exchange(queue.value), routing_key=queue.value) for queue in Queue]
    task_create_missing_queues = False
    task_default_queue = Queue.MAINTENANCE.value

    # A task that was started is finished or, by its lease, taken over: a late ack costs nothing and loses nothing.
    task_acks_late = True
    task_acks_on_failure = True
    task_acks_on_timeout = True
    task_reject_on_worker_lost = False
    task_send_sent_event = False
    worker_send_task_events = True
    worker_prefetch_multiplier = 1
    worker_cancel_long_running_tasks_on_connection_loss = False
    worker_hijack_root_logger = False
    worker_max_tasks_per_child = 200
    # Its Django fix-up would close the database connection before and after every task, however old the name.
    CELERY_DB_REUSE_MAX = 1_000_000
    worker_max_memory_per_child = 1_500_000

    visibility_timeout = VISIBILITY_SECONDS
    broker_transport_options = {
        "visibility_timeout": VISIBILITY_SECONDS,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": SOCKET_SECONDS,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "global_keyprefix": "rag:",
    }
    broker_connection_timeout = 3
    broker_connection_retry_on_startup = True
    broker_connection_max_retries = None
    # A Redis that is full refuses commands on a connection that stands: without this each worker would end of it.
    broker_channel_error_retry = True
    broker_pool_acquire_timeout = 3
    task_publish_retry_policy = {"max_retries": 1, "interval_start": 0.1, "interval_step": 0.3, "interval_max": 1}


app = Celery("ragsite", include=["workers.tasks", "workers.process"])
app.config_from_object(Config())
