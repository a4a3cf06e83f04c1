"""Passages in a reranker's order, and in the old one where it does not answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline, fallback
from apps.models.gateway.fake import FakeTransport
from apps.models.installed_model import InstalledModel, ModelKind
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.reranking import MOST_RERANKED, NoRerankerError, rerank_passages, reranker_required
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError, RagError
from ragsite.core.ids import new_id
from tests import factories as make
from tests.apps.retrieval.making import passage

MODEL = InstalledModel(new_id(), "cross", Path("/nowhere"), "0" * 64, 64, ModelKind.RERANKING)
UseTransport = Callable[[Any], None]


class ByLength(FakeTransport):
    """The longer a text, the better; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.deadline = 0.0

    def rerank(self, query: str, texts: Any, *, deadline: Deadline, **_: Any) -> np.ndarray:
        self.asked, self.deadline = [query, *texts], deadline.at
        return np.array([len(text) for text in texts], dtype=np.float32)


class Failing(FakeTransport):
    def __init__(self, error: RagError) -> None:
        self.error = error

    def rerank(self, *_: Any, **__: Any) -> np.ndarray:
        raise self.error


def passages(*texts: str) -> list[Passage]:
    return [passage(text, chunk_id=number, score=1 / number) for number, text in enumerate(texts, start=1)]


def test_passages_are_in_the_order_of_the_scores_and_equal_ones_in_the_order_they_had(
    use_transport: UseTransport,
) -> None:
    transport = ByLength()
    use_transport(transport)
    deadline = make.soon()
    result = rerank_passages("query", passages("a", "bb", "c", "dddd"), model=MODEL, deadline=deadline)
    assert [one.text for one in result.passages] == ["dddd", "bb", "a", "c"]
    assert [(one.score, one.scores.rerank, one.scores.rerank_rank) for one in result.passages] == [
        (4.0, 4.0, 1), (2.0, 2.0, 2), (1.0, 1.0, 3), (1.0, 1.0, 4),
    ]  # fmt: skip
    assert result.degraded == ()
    assert transport.asked == ["query", "a", "bb", "c", "dddd"]
    assert transport.deadline < deadline.at


def test_only_the_best_are_read_and_the_others_follow_as_they_were(use_transport: UseTransport) -> None:
    transport = ByLength()
    use_transport(transport)
    given = passages(*("x" * number for number in range(1, MOST_RERANKED + 11)))
    result = rerank_passages("query", given, model=MODEL, deadline=make.soon()).passages
    assert len(transport.asked) == MOST_RERANKED + 1
    assert list(result[:MOST_RERANKED]) != given[:MOST_RERANKED]
    assert {one.chunk_id for one in result[:MOST_RERANKED]} == {one.chunk_id for one in given[:MOST_RERANKED]}
    assert list(result[MOST_RERANKED:]) == given[MOST_RERANKED:]


@pytest.mark.parametrize(
    "error",
    [ModelUnavailableError("No worker."), DeadlineExceededError("Late."), ModelNotFoundError("Its files moved.")],
)
def test_without_an_answer_the_order_stays_and_the_reason_is_given(
    use_transport: UseTransport, error: RagError
) -> None:
    use_transport(Failing(error))
    given = passages("a", "bb")
    result = rerank_passages("query", given, model=MODEL, deadline=make.soon())
    assert (list(result.passages), [one.error for one in result.degraded]) == (given, [error])
    assert {one.knowledge_base_ids for one in result.degraded} == {tuple({one.knowledge_base_id: 0 for one in given})}


def test_where_the_reranker_does_not_answer_a_smaller_one_does_and_the_result_says_so(
    use_transport: UseTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = replace(MODEL, version_id=new_id(), name="large", fallback=MODEL.version_id)

    class OneAway(ByLength):
        def rerank(self, query: str, texts: Any, *, model: InstalledModel, **rest: Any) -> np.ndarray:
            if model.name == "large":
                raise ModelUnavailableError("The large one is away.")
            return super().rerank(query, texts, **rest)

    use_transport(OneAway())
    monkeypatch.setattr(fallback, "model_version", lambda *_, **__: MODEL)
    result = rerank_passages("query", passages("a", "bb"), model=large, deadline=make.soon())
    assert [one.text for one in result.passages] == ["bb", "a"]
    (degraded,) = result.degraded
    assert degraded.detail.startswith("The reranker did not answer, so a smaller one")
    assert "The large one is away." in degraded.detail


def test_without_time_the_order_stays(use_transport: UseTransport) -> None:
    transport = ByLength()
    use_transport(transport)
    given = passages("a", "bb")
    result = rerank_passages("query", given, model=MODEL, deadline=Deadline.after(0.1))
    assert list(result.passages) == given
    assert [type(one.error) for one in result.degraded] == [DeadlineExceededError]
    assert transport.asked == []


def test_a_mistake_in_the_program_is_not_taken_for_a_model_that_does_not_answer(use_transport: UseTransport) -> None:
    class Broken(FakeTransport):
        def rerank(self, *_: Any, **__: Any) -> np.ndarray:
            raise ZeroDivisionError

    use_transport(Broken())
    with pytest.raises(ZeroDivisionError):
        rerank_passages("query", passages("a"), model=MODEL, deadline=make.soon())


@pytest.mark.django_db
def test_without_a_reranker_that_is_said() -> None:
    with pytest.raises(NoRerankerError, match="No reranker is registered"):
        reranker_required()
