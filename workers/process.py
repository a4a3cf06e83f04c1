"""Setting up a worker process: what it refuses, and what it may take."""

from __future__ import annotations

import contextlib
import logging
import logging.config
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from billiard.exceptions import TimeLimitExceeded
from celery.concurrency import get_implementation
from celery.signals import (
    setup_logging,
    task_failure,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from django.utils.module_loading import import_string

from apps.models.gateway import Deadline, Purpose, TextRole, embed, generate
from apps.models.generation import GenerationOptions, Message, Role
from apps.models.installed_model import InstalledModel
from apps.models.selectors import embedding_model_default, writer_in_use
from ragsite.core.configuration import ModelSettings, ParsingSettings
from ragsite.core.database import connection_release
from ragsite.core.dynamic.following import settings_follow
from ragsite.core.errors import ConfigurationError, RagError
from ragsite.core.presence import BEAT_SECONDS, presence_end, presence_tell
from ragsite.core.tracing.starting import tracing_flush
from workers.heart import Heart, heart_start
from workers.jobs import JOBS
from workers.measuring import child_measure, worker_forget, worker_measure, worker_tell
from workers.model_holding import ModelHolding
from workers.queues import POOLS, Pool, Queue
from workers.tasks_shown import inspection_hide

logger = logging.getLogger(__name__)
WARM_UP_SECONDS = 120.0
STALLED_SECONDS = 120.0
WATCH_SECONDS = 5.0
_leaving = threading.Event()
_heart: Heart | None = None
"""That of a prefork worker, in its parent and its children."""


@worker_init.connect
def pool_check(sender: Any, **_: Any) -> None:
    """Refuse to serve a queue on a pool that can't keep its limits: a celery worker would ignore them without a word. First of
    all, as importing what the jobs need takes seconds.
    """
    pool = _pool_of(sender)
    wrong = [queue for queue in _queues_of(sender) if POOLS[queue] is not pool]
    if wrong:
        error = ConfigurationError(
            f"--pool: {sender.hostname} would serve {', '.join(wrong)} with {pool or sender.pool_cls!r}; "
            f"{wrong[0]} needs --pool={POOLS[wrong[0]].value}."
        )
        sys.exit(error.message)


@worker_init.connect
def hide_arguments(**_: Any) -> None:
    """Who may look at workers does not thereby read documents and questions."""
    inspection_hide()


@setup_logging.connect
def log(**_: Any) -> None:
    """As every other process does; Celery would write lines of its own form."""
    logging.config.dictConfig(settings.LOGGING)


@worker_process_shutdown.connect
def trace_to_the_end(**_: Any) -> None:
    """A child ends without what an interpreter does at its end."""
    tracing_flush()


@worker_init.connect
def measure(sender: Any, **_: Any) -> None:
    """Before anything is counted, and before the worker forks."""
    worker_measure(_pool_of(sender))


@worker_process_init.connect
def measure_child(**_: Any) -> None:
    """Go on with what was counted at this process's place."""
    child_measure()


@worker_ready.connect
def tell_metrics(**_: Any) -> None:
    """Let Prometheus ask, if the settings say where."""
    worker_tell(holds_models=ModelSettings.current().transport == "local")


@worker_init.connect
def preload(sender: Any, **_: Any) -> None:
    """Import what the worker's jobs need before it forks or starts: the first document shall not wait for it."""
    queues = _queues_of(sender)
    for job in JOBS:
        if job.queue in queues:
            import_string(job.work)


@worker_init.connect
def heart_make(sender: Any, **_: Any) -> None:
    """Before the worker forks, so that its children know it."""
    global _heart
    if _pool_of(sender) is Pool.PREFORK:
        _heart = Heart()


@worker_process_init.connect
def heart_of_child(**_: Any) -> None:
    """Let the parent keep what this child claims."""
    if _heart is not None:
        _heart.move_to_child()


@worker_process_init.connect
@worker_ready.connect
def follow_settings(**_: Any) -> None:
    """Take up settings that change, in every process by itself: in the parent once it has forked."""
    settings_follow()


@worker_ready.connect
def heart_of_parent(**_: Any) -> None:
    """Keep what the children have claimed."""
    if _heart is not None:
        heart_start(_heart)


@task_failure.connect
def stopped_at_hard_limit(task_id: str, exception: BaseException, **_: Any) -> None:
    """Celery's signal in the parent, just before it kills the child."""
    if _heart is not None and isinstance(exception, TimeLimitExceeded):
        _heart.overran(task_id)


@task_prerun.connect
def connection_check(**_: Any) -> None:
    """Drop a connection that broke or grew old, and have the one that is kept looked at before its first use."""
    close_old_connections()


@worker_ready.connect
def warm_up(sender: Any, **_: Any) -> None:
    """Load the default models in a worker that holds models, each whatever becomes of the others. Until one is registered there
    is nothing to load.
    """
    if ModelSettings.current().transport == "local":
        for use in (_use_embedding_model, _use_writer):
            _warm_up(use)


def _warm_up(use: Callable[[], None]) -> None:
    try:
        use()
    except RagError as error:
        logger.warning("the default model is not loaded yet: %s", error.sentence)
    except Exception:
        logger.exception("a defect; the worker begins without this model")
    finally:
        connection_release()


def _use_embedding_model() -> None:
    model, deadline = embedding_model_default(), Deadline.after(WARM_UP_SECONDS)
    if _is_here(model):
        embed(["ready"], role=TextRole.QUERY, model=model, purpose=Purpose.QUERY, deadline=deadline)


def _use_writer() -> None:
    writer = writer_in_use()
    if writer is not None and _is_here(writer):
        said, short = [Message(Role.USER, "ready")], GenerationOptions(max_tokens=1)
        deadline = Deadline.after(WARM_UP_SECONDS)
        list(generate(said, model=writer, purpose=Purpose.ANSWER, deadline=deadline, options=short))


def _is_here(model: InstalledModel) -> bool:
    """Whether this process holds it; a server of its own keeps its model loaded itself."""
    return model.endpoint is None


@worker_ready.connect
def tell_presence(sender: Any, **_: Any) -> None:
    """Say every few seconds that this worker is there, so that people learn who listens for what waits."""
    worker = sender.hostname
    jobs = [job.name for job in JOBS if job.queue in _queues_of(sender)]
    threading.Thread(target=_tell_presence, args=(worker, jobs), name="presence", daemon=True).start()


def _tell_presence(worker: str, jobs: list[str]) -> None:
    while not _leaving.wait(BEAT_SECONDS):
        try:
            presence_tell(worker=worker, jobs=jobs)
        except DatabaseError:
            logger.warning("the database does not answer; this worker is not seen", exc_info=True)
        finally:
            connection_release()
    connection.close()


@worker_ready.connect
def hold_models(sender: Any, **_: Any) -> None:
    """Load what was used most, and from then on say what is held and follow orders, in a worker that holds models."""
    if ModelSettings.current().transport == "local":
        holding = ModelHolding(sender.hostname)
        threading.Thread(target=holding.tell, args=(_leaving,), name="models", daemon=True).start()
        threading.Thread(target=holding.obey, name="model-orders", daemon=True).start()


@worker_shutdown.connect
def leave(sender: Any, **_: Any) -> None:
    """Take the worker's name off the list. Should the database be away, it is forgotten by its silence."""
    _leaving.set()
    worker_forget()
    with contextlib.suppress(DatabaseError):
        presence_end(worker=sender.hostname)


@worker_ready.connect
def watch_engines(sender: Any, **_: Any) -> None:
    """End a process whose device hangs: threads can't be ended singly, and its work is taken over by its leases."""
    if ModelSettings.current().transport == "local":
        threading.Thread(target=_watch_engines, name="engine-watchdog", daemon=True).start()


def _watch_engines() -> None:
    engines = import_string("apps.models.engine.resources.engines")
    pause = threading.Event()
    while not (stalled := engines().stalled(STALLED_SECONDS)):
        pause.wait(WATCH_SECONDS)
    logger.critical("a batch of %s has run for over %.0f s; this process ends", stalled[0].name, STALLED_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


@worker_process_init.connect
def memory_limit(**_: Any) -> None:
    """Bound the address space of a prefork child: a hostile file ends in MemoryError, not in a dead machine."""
    limit = ParsingSettings.current().memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _pool_of(instance: Any) -> Pool | None:
    module = get_implementation(instance.pool_cls).__module__
    return {"celery.concurrency.prefork": Pool.PREFORK, "celery.concurrency.thread": Pool.THREADS}.get(module)


def _queues_of(instance: Any) -> list[Queue]:
    return [Queue(name) for name in instance.app.amqp.queues.consume_from]
