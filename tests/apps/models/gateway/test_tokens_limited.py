"""What a language model writes is taken from the limits of the request at hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from apps.models.gateway import Deadline, Purpose, calls, generate
from apps.models.generation import Finish, GeneratedText, GenerationEnd, GenerationOptions, Message, Role
from apps.models.installed_model import ModelKind
from ragsite.core.limits import Limits, Work, limits_read
from ragsite.gateway.errors import LimitReachedError
from ragsite.gateway.limits.account import Account, account_used
from ragsite.gateway.limits.buckets import Party, PartyKind
from ragsite.gateway.limits.limiter import Limiter
from tests.apps.models.gateway.test_fake import model_of

ASKED = (Message(Role.USER, "When?"),)


class Writes:
    """A way to a model that writes three words and says how many tokens these were."""

    def __init__(self) -> None:
        self.calls = 0

    def stream(self, call: Any) -> Iterator[Any]:
        self.calls += 1
        yield from map(GeneratedText, ("At ", "noon ", "today."))
        yield GenerationEnd(Finish.STOP, prompt_tokens=900, completion_tokens=40)


@pytest.fixture(autouse=True)
def _nothing_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragsite.gateway.limits.quotas.quotas_used", lambda quotas: {})


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    made = Writes()
    monkeypatch.setattr(calls, "transport_of", lambda call: made)
    return made


def account_of(limits: Limits) -> Account:
    return Account(Limiter(), [Party(PartyKind.TENANT, "", str(uuid4()), limits)])


def write(most: int) -> Any:
    options = GenerationOptions(max_tokens=most)
    model: Any = model_of(ModelKind.GENERATION)
    return generate(ASKED, model=model, purpose=Purpose.ANSWER, deadline=Deadline.after(10), options=options)


def left(account: Account) -> int:
    """What can still be taken, found by asking for nothing."""
    account.take({Work.TOKENS: 0})
    return int(account.headers["RateLimit"].partition("r=")[2].partition(";")[0])


def test_what_was_written_is_taken_and_the_rest_of_what_might_have_been_given_back(writes: Writes) -> None:
    account = account_of(limits_read("tokens=100/day"))
    with account_used(account):
        assert len(list(write(90))) == 4
    assert left(account) == 60


def test_a_text_that_is_broken_off_costs_what_came_of_it(writes: Writes) -> None:
    account = account_of(limits_read("tokens=100/day"))
    with account_used(account):
        writing = write(90)
        assert [next(writing).text for _ in range(2)] == ["At ", "noon "]
        writing.close()
    assert left(account) == 98


def test_no_model_is_asked_for_a_text_that_there_are_too_few_tokens_for(writes: Writes) -> None:
    account = account_of(limits_read("tokens=100/day"))
    with account_used(account):
        list(write(90))
        with pytest.raises(LimitReachedError, match="100 tokens that language models write a day"):
            list(write(90))
    assert (writes.calls, left(account)) == (1, 60)
