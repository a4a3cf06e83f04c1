"""Two runs beside each other: what differs question by question, in words, and for whom."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client

from apps.documents.models import Document
from apps.monitoring.workspace.comparing import comparison_advice
from apps.retrieval.evaluation.comparing import FigureComparison
from apps.retrieval.models import EvaluationResult, EvaluationRun, EvaluationSet
from tests.apps.retrieval.evaluation.asking import TEXTS, asked, document, done, library, started


def url(made: EvaluationSet, run: Any, against: Any, **more: str) -> str:
    asked_for = "&".join(f"{name}={value}" for name, value in {"run": run, "against": against, **more}.items())
    return f"/admin/knowledge-bases/{made.knowledge_base_id}/evaluate/?{asked_for}"


def worse(run: EvaluationRun, name: str, rank: float) -> None:
    """As if the right document of a question had come at this rank; 0 for not at all."""
    result = EvaluationResult.objects.get(run=run, text=TEXTS[name])
    result.metrics |= {"ndcg@10": 0.5 if rank else 0.0, "mrr": 1 / rank if rank else 0.0}
    result.save()


@pytest.mark.django_db
def test_what_was_lost_and_won_is_told_question_by_question(admin_client: Client) -> None:
    made = asked(library())
    before, after = done(made), done(made)
    worse(after, "tides", 2)
    worse(before, "berths", 0)
    response = admin_client.get(url(made, after.pk, before.pk))
    page = " ".join(html.unescape(response.content.decode()).split())
    assert [(one.text, one.against.rank, one.run.rank) for one in response.context["questions"]] == [
        (TEXTS["tides"], 1, 2), (TEXTS["berths"], None, 1),
    ]  # fmt: skip
    assert "Of 3 questions <strong>1 better</strong>, <strong>1 worse</strong>, 1 the same. That may be chance." in page
    assert "from place 1 to place 2" in page
    assert "from not found to place 1" in page
    assert str(document(made.knowledge_base, "tides").pk) in page
    (won,) = admin_client.get(url(made, after.pk, before.pk, show="better")).context["questions"]
    assert won.text == TEXTS["berths"]
    assert won.is_better


@pytest.mark.django_db
def test_a_document_that_is_gone_has_no_title_there(admin_client: Client) -> None:
    made = asked(library())
    before, after = done(made), done(made)
    worse(after, "tides", 0)
    Document.objects.filter(pk=document(made.knowledge_base, "tides").pk).update(title="Secret tides")
    page = admin_client.get(url(made, after.pk, before.pk)).content.decode()
    assert "Secret tides" in page
    Document.objects.filter(title="Secret tides").update(deleted_at="2026-01-01T00:00Z")
    page = admin_client.get(url(made, after.pk, before.pk)).content.decode()
    assert "Secret tides" not in page
    assert "A document that is gone" in page


@pytest.mark.django_db
def test_only_runs_of_the_knowledge_base_that_are_done_are_compared(admin_client: Client) -> None:
    made, other = asked(library()), asked(library())
    run, foreign, waiting = done(made), done(other), started(made)
    for against in ("", "nonsense", foreign.pk, waiting.pk):
        assert admin_client.get(url(made, run.pk, against)).status_code == 404
    second = done(asked(made.knowledge_base, name="Another"))
    page = html.unescape(admin_client.get(url(made, run.pk, second.pk)).content.decode())
    assert "Compare runs of one set." in page


@pytest.mark.parametrize(
    ("better", "worse", "p", "difference", "said"),
    [
        (0, 0, 1.0, 0.0, "Both find the same"),
        (2, 1, 0.5, 0.1, "may be chance"),
        (9, 0, 0.01, 0.3, "first run is better"),
        (0, 9, 0.01, -0.3, "first run is worse"),
    ],
)
def test_what_follows_is_said(better: int, worse: int, p: float, difference: float, said: str) -> None:
    figure = FigureComparison("ndcg@10", 0.5 + difference, 0.5, p, better, worse, 1)
    (text,) = comparison_advice(figure)
    assert said in text
