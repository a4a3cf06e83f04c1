"""Two runs side by side: the difference of each figure, whether it is more than chance, and where they differ."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from apps.retrieval.evaluation.selectors import figures_in_order
from apps.retrieval.evaluation.significance import randomisation_p
from apps.retrieval.models import EvaluationRun, RunState
from ragsite.core.errors import ConflictError


@dataclass(frozen=True, slots=True)
class FigureComparison:
    """A figure of the run and of the one it is compared with, over the questions of both.

    `p` is the two-sided p-value of the paired randomisation test; `better`, `worse` and `same` count questions.
    """

    name: str
    value: float
    against: float
    p: float
    better: int
    worse: int
    same: int

    @property
    def difference(self) -> float:
        return self.value - self.against


@dataclass(frozen=True, slots=True)
class QuestionComparison:
    """A question on which the runs differ in the first figure."""

    question_id: UUID
    text: str
    value: float
    against: float

    @property
    def difference(self) -> float:
        return self.value - self.against


@dataclass(frozen=True, slots=True)
class Comparison:
    """`figures` in the order of the run's; `questions` are those that differ, the greatest loss first."""

    run: EvaluationRun
    against: EvaluationRun
    shared: int
    figures: tuple[FigureComparison, ...]
    questions: tuple[QuestionComparison, ...]


def runs_compare(*, run: EvaluationRun, against: EvaluationRun) -> Comparison:
    """How `run` differs from `against`, over the questions that both have measured.

    Raises:
        ConflictError: one of them is not done, they are of different sets, or share no question or figure.
    """
    _check(run, against)
    ours, theirs = _by_question(run), _by_question(against)
    shared = [question for question in ours if question in theirs]
    names = [name for name in _names(ours) if name in _names(theirs)]
    if not shared or not names:
        raise ConflictError(
            "The two runs have no question or no figure in common.", action="Compare runs with the same k and depth."
        )
    figures = tuple(
        _figure(name, [(ours[one][1][name], theirs[one][1][name]) for one in shared]) for name in names
    )  # fmt: skip
    first = names[0]
    rows = [QuestionComparison(one, ours[one][0], ours[one][1][first], theirs[one][1][first]) for one in shared]
    differing = sorted((row for row in rows if row.difference), key=lambda row: row.difference)
    return Comparison(run, against, len(shared), figures, tuple(differing))


def differences(run: EvaluationRun, against: EvaluationRun, *, name: str) -> list[float]:
    """By how much each question that both have measured did better in `run`, by the figure of that name."""
    ours, theirs = _by_question(run), _by_question(against)
    both = [(ours[one][1], theirs[one][1]) for one in ours if one in theirs]
    return [one[name] - other[name] for one, other in both if name in one and name in other]


def _check(run: EvaluationRun, against: EvaluationRun) -> None:
    for one in (run, against):
        if one.state != RunState.DONE:
            raise ConflictError(f"The run {one.pk} is {one.state}.", action="Compare runs that are done.")
    if run.evaluation_set_id != against.evaluation_set_id:
        raise ConflictError(
            f"The runs {run.pk} and {against.pk} are of different evaluation sets.", action="Compare runs of one set."
        )


def _by_question(run: EvaluationRun) -> dict[UUID, tuple[str, dict[str, float]]]:
    rows = run.results.exclude(question=None).order_by("id").values_list("question_id", "text", "metrics")
    return {question: (text, metrics) for question, text, metrics in rows if question is not None}


def _names(rows: Mapping[UUID, tuple[str, dict[str, float]]]) -> list[str]:
    return figures_in_order(next(iter(rows.values()), ("", {}))[1])


def _figure(name: str, pairs: list[tuple[float, float]]) -> FigureComparison:
    differences = [ours - theirs for ours, theirs in pairs]
    return FigureComparison(
        name=name,
        value=math.fsum(ours for ours, _ in pairs) / len(pairs),
        against=math.fsum(theirs for _, theirs in pairs) / len(pairs),
        p=randomisation_p(differences),
        better=sum(difference > 0 for difference in differences),
        worse=sum(difference < 0 for difference in differences),
        same=sum(difference == 0 for difference in differences),
    )
