from __future__ import annotations

import pytest

from apps.retrieval.evaluation.comparing import runs_compare
from apps.retrieval.evaluation.significance import randomisation_p
from apps.retrieval.models import EvaluationResult, EvaluationRun, EvaluationSet
from ragsite.core.errors import ConflictError
from tests.apps.retrieval.evaluation.asking import TEXTS, asked, done, library, started

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> EvaluationSet:
    return asked(library())


def worse(made: EvaluationSet, values: dict[str, float]) -> EvaluationRun:
    """A run whose nDCG of the named documents' questions is another."""
    run = done(made)
    for name, value in values.items():
        result = EvaluationResult.objects.get(run=run, text=TEXTS[name])
        result.metrics["ndcg@10"] = value
        result.save()
    return run


def test_each_figure_is_compared_question_by_question(made: EvaluationSet) -> None:
    before, after = done(made), worse(made, {"tides": 0.25, "berths": 0.75})
    compared = runs_compare(run=after, against=before)
    assert (compared.shared, compared.figures[0].name) == (3, "ndcg@10")
    ndcg = compared.figures[0]
    assert (ndcg.value, ndcg.against) == (pytest.approx(2 / 3), 1)
    assert ndcg.difference == pytest.approx(-1 / 3)
    assert (ndcg.better, ndcg.worse, ndcg.same) == (0, 2, 1)
    assert ndcg.p == randomisation_p([-0.75, -0.25]) == 0.5
    assert {figure.p for figure in compared.figures[1:]} == {1.0}


def test_the_questions_that_differ_come_with_the_greatest_loss_first(made: EvaluationSet) -> None:
    before, after = worse(made, {"harbour": 0.5}), worse(made, {"tides": 0.25, "berths": 0.75})
    rows = runs_compare(run=after, against=before).questions
    assert [(row.text, row.difference) for row in rows] == [
        (TEXTS["tides"], -0.75),
        (TEXTS["berths"], -0.25),
        (TEXTS["harbour"], 0.5),
    ]


def test_only_questions_of_both_runs_count(made: EvaluationSet) -> None:
    before = done(made)
    question = made.questions.get(text=TEXTS["tides"])
    question.delete()
    assert runs_compare(run=done(made), against=before).shared == 2


def test_runs_that_cannot_be_compared_are_refused(made: EvaluationSet) -> None:
    first, waiting = done(made), started(made)
    other = done(asked(made.knowledge_base, "tides", name="Other"))
    with pytest.raises(ConflictError, match="is waiting"):
        runs_compare(run=first, against=waiting)
    with pytest.raises(ConflictError, match="different evaluation sets"):
        runs_compare(run=first, against=other)
