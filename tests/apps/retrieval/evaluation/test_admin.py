from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from apps.documents.models import KnowledgeBase
from apps.retrieval.models import (
    EvaluationQuestion,
    EvaluationResult,
    EvaluationRun,
    EvaluationSet,
    Judgement,
    RunState,
)
from ragsite.core.admin.base import badge
from tests import factories as make
from tests.apps.retrieval.evaluation.asking import TEXTS, asked, document, done, library, started

pytestmark = pytest.mark.django_db
MARK = "/admin/retrieval/query/mark/"


@pytest.fixture
def base() -> KnowledgeBase:
    return library()


@pytest.fixture
def made(base: KnowledgeBase) -> EvaluationSet:
    return asked(base)


def page_of(row: Any, action: str = "change") -> str:
    return f"/admin/retrieval/{row._meta.model_name}/{row.pk}/{action}/"


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def told(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def mark(base: KnowledgeBase, **fields: Any) -> dict[str, Any]:
    version = document(base, "tides").current_version
    assert version is not None
    about = {"knowledge_base": base.pk, "question": "When is high water?", "version": version.pk, "start": 0, "end": 10}
    return about | fields


def test_every_found_passage_has_a_button_that_marks_it(admin_client: Client, base: KnowledgeBase) -> None:
    text = text_of(admin_client.post(f"/admin/knowledge-bases/{base.pk}/ask/", {"question": TEXTS["tides"]}))
    assert text.count('class="rag-mark"') == 2 * 3
    assert str(document(base, "tides").current_version_id) in text
    assert "From tried queries (new)" in text


def test_one_click_adds_the_question_and_the_span(admin_client: Client, base: KnowledgeBase) -> None:
    made = EvaluationSet.objects.filter(knowledge_base=base)
    text = text_of(admin_client.post(MARK, mark(base)))
    assert "From tried queries" in text
    assert page_of(made.get()) in text
    judgement = Judgement.objects.get()
    assert (judgement.question.text, judgement.start, judgement.end) == ("When is high water?", 0, 10)
    assert judgement.document == document(base, "tides")


def test_what_is_wrong_is_kept_shown_and_counted_apart_from_what_is_relevant(
    admin_client: Client, base: KnowledgeBase
) -> None:
    for question in ("When?", "How high?"):
        admin_client.post(MARK, mark(base, question=question))
    assert "Wrong, in" in text_of(admin_client.post(MARK, mark(base, question="When?", wrong="on")))
    grades = {one.question.text: one.grade for one in Judgement.objects.select_related("question")}
    assert grades == {"When?": 0, "How high?": 1}
    question = EvaluationQuestion.objects.get(text="When?")
    assert badge("Wrong", "danger") in text_of(admin_client.get(page_of(question)))
    counted = text_of(admin_client.get(page_of(question.evaluation_set)))
    totals = re.findall(r'data-label="(Relevant|Wrong)">\s*(?:<[^>]*>\s*)*(\d)', counted)
    assert sorted(totals) == [("Relevant", "0"), ("Relevant", "1"), ("Wrong", "0"), ("Wrong", "1")]
    assert "Relevant, in" in text_of(admin_client.post(MARK, mark(base, question="When?")))
    assert set(Judgement.objects.values_list("grade", flat=True)) == {1}


def test_a_chosen_set_gets_the_passage(admin_client: Client, base: KnowledgeBase, made: EvaluationSet) -> None:
    admin_client.post(MARK, mark(base, evaluation_set=made.pk))
    assert made.questions.filter(text="When is high water?").count() == 1
    assert EvaluationSet.objects.count() == 1


@pytest.mark.parametrize("wrong", [{"start": 5, "end": 100_000}, {"version": "x"}, {"question": ""}], ids=str)
def test_what_cannot_be_marked_says_so_in_the_place_of_the_button(
    admin_client: Client, base: KnowledgeBase, wrong: dict[str, Any]
) -> None:
    assert "rag-marked-not" in text_of(admin_client.post(MARK, mark(base, **wrong)))
    assert not Judgement.objects.exists()
    assert not EvaluationQuestion.objects.exists()


def test_a_set_of_another_knowledge_base_takes_no_passage(admin_client: Client, base: KnowledgeBase) -> None:
    other = asked(library())
    before = Judgement.objects.count()
    assert "rag-marked-not" in text_of(admin_client.post(MARK, mark(base, evaluation_set=other.pk)))
    assert Judgement.objects.count() == before


def test_only_who_may_add_questions_may_mark(client: Client, django_user_model: Any, base: KnowledgeBase) -> None:
    client.force_login(django_user_model.objects.create_user("staff", password="staff-password-1", is_staff=True))
    assert client.post(MARK, mark(base)).status_code == 403
    assert not EvaluationSet.objects.exists()


def test_a_set_is_made_by_a_form_and_shows_its_questions(admin_client: Client, made: EvaluationSet) -> None:
    form = {"knowledge_base": made.knowledge_base_id, "name": "By hand", "description": ""}
    assert admin_client.post("/admin/retrieval/evaluationset/add/", form).status_code == 302
    assert EvaluationSet.objects.filter(name="By hand").exists()
    text = text_of(admin_client.get(page_of(made)))
    assert all(question in text for question in TEXTS.values())


def test_a_name_that_is_taken_is_a_message_and_not_an_error_page(admin_client: Client, made: EvaluationSet) -> None:
    form = {"knowledge_base": made.knowledge_base_id, "name": made.name, "description": ""}
    admin_client.post("/admin/retrieval/evaluationset/add/", form)
    assert EvaluationSet.objects.count() == 1


def test_a_run_is_started_by_the_dialog(admin_client: Client, made: EvaluationSet) -> None:
    url = page_of(made, "start")
    assert "Start a run" in text_of(admin_client.get(url))
    form = {"_form_submitted": "True", "mode": "dense", "k": 5, "depth": 20}
    response = admin_client.post(url, form)
    run = EvaluationRun.objects.get()
    assert response["HX-Redirect"] == page_of(run)
    assert (run.k, run.depth, run.asked_by, run.state) == (5, 20, "admin, admin", RunState.WAITING)


def test_a_run_that_cannot_start_is_reported(admin_client: Client, base: KnowledgeBase) -> None:
    empty = EvaluationSet.objects.create(knowledge_base=base, name="Empty")
    form = {"_form_submitted": "True", "mode": "dense", "k": 5, "depth": 20}
    response = admin_client.post(page_of(empty, "start"), form)
    assert response["HX-Redirect"] == page_of(empty)
    assert "No question of 'Empty' has a relevant document." in told(response)[0]


def test_files_are_imported_on_the_page(admin_client: Client, made: EvaluationSet) -> None:
    files = {"csv": make.file("question,document\nWhen is high water?,tides\nWho?,nobody\n", "set.csv")}
    response = admin_client.post(page_of(made, "import_questions"), files)
    assert response.status_code == 302
    assert told(response) == [
        "1 question was imported. 1 had no relevant document in this knowledge base and were left out."
    ]
    assert made.questions.count() == 4


@pytest.mark.parametrize("files", [{}, {"queries": "{}"}, {"csv": "a", "queries": "{}"}], ids=str)
def test_files_that_do_not_belong_together_are_an_error_on_the_form(
    admin_client: Client, made: EvaluationSet, files: dict[str, str]
) -> None:
    sent = {name: make.file(content, f"{name}.txt") for name, content in files.items()}
    response = admin_client.post(page_of(made, "import_questions"), sent)
    assert "or a CSV file alone" in text_of(response) or files == {}
    assert made.questions.count() == 3


def test_a_run_shows_its_figures_and_its_questions_the_worst_first(admin_client: Client, made: EvaluationSet) -> None:
    run = done(made)
    worst = EvaluationResult.objects.get(run=run, text=TEXTS["tides"])
    worst.metrics["ndcg@10"] = 0.0
    worst.save()
    response = admin_client.get(page_of(run))
    assert response.context["results"][0].text == TEXTS["tides"]
    assert response.context["columns"] == ["nDCG@10", "Recall@10", "Recall@100", "MAP", "MRR"]
    text = text_of(response)
    assert reverse("admin:documents_document_change", args=[document(made.knowledge_base, "tides").pk]) in text
    assert "sentence-transformers/all-MiniLM-L6-v2" in text


@pytest.mark.parametrize("state", ["waiting", "failed"])
def test_a_run_that_is_not_done_says_why(admin_client: Client, made: EvaluationSet, state: str) -> None:
    run = started(made)
    EvaluationRun.objects.update(state=state, error="The model is away.")
    text = text_of(admin_client.get(page_of(run)))
    assert "The model is away." in text


def test_a_run_under_way_asks_again_and_loads_the_page_anew_once_it_has_ended(
    admin_client: Client, made: EvaluationSet
) -> None:
    run = started(made)
    assert 'hx-get="?part=live"' in text_of(admin_client.get(page_of(run)))
    live = f"{page_of(run)}?part=live"
    assert "HX-Refresh" not in admin_client.get(live)
    EvaluationRun.objects.update(state=RunState.FAILED, error="Broken.")
    assert admin_client.get(live)["HX-Refresh"] == "true"


def test_a_run_offers_the_others_of_its_set_for_comparison(admin_client: Client, made: EvaluationSet) -> None:
    before, after = done(made), done(made)
    text = text_of(admin_client.get(page_of(after)))
    assert str(before.pk) in text
    assert f"/admin/knowledge-bases/{made.knowledge_base_id}/evaluate/" in text


def test_text_of_a_question_is_never_markup(admin_client: Client, made: EvaluationSet) -> None:
    made.questions.update(text="<script>alert(1)</script>")
    run = done(made)
    for url in (page_of(made), page_of(run)):
        assert "<script>alert(1)" not in admin_client.get(url).content.decode()
