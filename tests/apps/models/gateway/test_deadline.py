from __future__ import annotations

import time

import pytest

from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline


def test_a_deadline_is_an_absolute_moment() -> None:
    before = time.time()
    deadline = Deadline.after(30)

    assert before + 30 <= deadline.at <= time.time() + 30
    remaining = deadline.remaining()
    assert deadline.at - time.time() <= remaining <= 30
    assert not deadline.expired
    deadline.check("the work began")


def test_past_it_nothing_remains_and_work_is_refused() -> None:
    deadline = Deadline.after(-1)

    assert deadline.remaining() == 0.0
    assert deadline.expired
    with pytest.raises(DeadlineExceededError, match="before the work began") as refused:
        deadline.check("the work began")
    assert refused.value.http_status == 504
