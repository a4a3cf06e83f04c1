"""A model's life, told once: pulled, checked, used, exchanged for another revision while people ask, removed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from django.db import connection

from apps.models.gateway import Deadline, ModelCall, Purpose
from apps.models.gateway.local import LocalTransport, _engines
from apps.models.inputs import Texts
from apps.models.models import ModelStatus, ModelVersion, TaskState
from apps.models.prompts import TextRole
from apps.models.selectors import embedding_model_default
from apps.models.services.registry import model_activate
from apps.models.services.removing import model_remove
from apps.models.services.store import Place
from apps.models.services.tasks import model_pull, model_verify
from ragsite.core.errors import RagError
from tests.acting import ACTOR
from tests.apps.models.hub import Hub
from tests.apps.models.pulling import COMMIT, NAME, work
from tests.waiting import wait_for

MakeCheckpoint = Callable[..., Path]
pytestmark = pytest.mark.django_db(transaction=True)
NEXT = COMMIT[::-1]
PATIENCE = 60.0
TEXT = Texts(("The tenant pays the rent.",), TextRole.DOCUMENT)


class Callers:
    """What came of their calls: by version how often it answered, and what went wrong."""

    def __init__(self) -> None:
        self.answers: Counter[object] = Counter()
        self.errors: list[str] = []


def ask() -> tuple[object, np.ndarray]:
    """The default model's version, and its vector of the text."""
    model = embedding_model_default()
    call = ModelCall(model, TEXT, Purpose.QUERY, Deadline.after(PATIENCE))
    return model.version_id, LocalTransport().run(call)


@contextmanager
def asking() -> Iterator[Callers]:
    """Four callers who ask the default model again and again beside the block."""
    callers, stop = Callers(), threading.Event()

    def call() -> None:
        try:
            while not stop.is_set():
                version, found = ask()
                assert np.isfinite(found).all()
                callers.answers[version] += 1
        except (RagError, AssertionError) as error:
            callers.errors.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield callers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def pulled(commit: str) -> ModelVersion:
    task = work(model_pull(source=NAME, revision=commit, actor=ACTOR))
    assert task.state == TaskState.DONE, task.error
    assert work(model_verify(version_id=task.version_id, actor=ACTOR)).state == TaskState.DONE
    return ModelVersion.objects.get(pk=task.version_id)


def test_a_model_is_pulled_used_exchanged_under_load_without_a_failed_call_and_removed(
    hub: Hub, make_checkpoint: MakeCheckpoint
) -> None:
    hub.publish(NAME, make_checkpoint("old"), commit=COMMIT)
    hub.publish(NAME, make_checkpoint("new", seed=1), commit=NEXT)
    old = pulled(COMMIT)
    try:
        _, before = ask()
        with asking() as callers:
            wait_for(lambda: callers.answers[old.pk] > 20, seconds=PATIENCE, what="the first revision answers")
            new = pulled(NEXT)
            assert new.status == ModelStatus.READY
            model_activate(version_id=new.pk, actor=ACTOR)
            wait_for(lambda: callers.answers[new.pk] > 20, seconds=PATIENCE, what="the next revision answers")
            assert model_remove(version_id=old.pk, actor=ACTOR) is not None
            again = callers.answers[new.pk]
            wait_for(lambda: callers.answers[new.pk] > again + 20, seconds=PATIENCE, what="it goes on answering")
        assert callers.errors == []
        assert not np.allclose(ask()[1], before)
    finally:
        for model in _engines().loaded():
            _engines().unload(model.version_id, timeout=PATIENCE)
    assert Place.of(NAME, NEXT).whole.is_dir()
    assert list(ModelVersion.objects.values_list("status", flat=True)) == [ModelStatus.ACTIVE]
