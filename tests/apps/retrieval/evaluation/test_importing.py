from __future__ import annotations

import json

import pytest

from apps.documents.models import KnowledgeBase
from apps.documents.services.documents import document_delete
from apps.retrieval.evaluation.importing import ImportResult, beir_import, corpus_document_upload, csv_import
from apps.retrieval.evaluation.readers import CorpusDocument, NamedLines, UnreadableSetError
from apps.retrieval.evaluation.sets import evaluation_set_create
from apps.retrieval.models import EvaluationSet, Judgement
from ragsite.core.errors import PermanentError
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import document, library

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> KnowledgeBase:
    return library()


@pytest.fixture
def made(base: KnowledgeBase) -> EvaluationSet:
    return evaluation_set_create(knowledge_base=base, name="Set", actor=ACTOR)


def queries(**texts: str) -> NamedLines:
    return NamedLines("queries.jsonl", [json.dumps({"_id": name, "text": text}) for name, text in texts.items()])


def qrels(*rows: str) -> NamedLines:
    return NamedLines("qrels.tsv", ["query-id\tcorpus-id\tscore", *(row.replace(" ", "\t") for row in rows)])


def judgements(made: EvaluationSet) -> list[tuple[str, str, int]]:
    rows = Judgement.objects.filter(question__evaluation_set=made).order_by("question__text", "document__external_id")
    return list(rows.values_list("question__text", "document__external_id", "grade"))


def test_questions_come_with_their_judgements_if_one_says_relevant(made: EvaluationSet) -> None:
    asked = queries(q1="When?", q2="How much?", q3="Nobody judged this.", q4="Judged irrelevant.")
    done = beir_import(
        made, queries=asked, qrels=qrels("q1 tides 2", "q1 harbour 0", "q2 berths 1", "q4 tides 0"), actor=ACTOR
    )
    assert done == ImportResult(questions=2, left_out=0, unknown_documents=0)
    assert judgements(made) == [("How much?", "berths", 1), ("When?", "harbour", 0), ("When?", "tides", 2)]


def test_a_question_without_a_known_document_is_left_out_and_counted(made: EvaluationSet) -> None:
    done = beir_import(
        made, queries=queries(q1="When?", q2="Who?"), qrels=qrels("q1 tides 1", "q1 x 1", "q2 y 1"), actor=ACTOR
    )
    assert done == ImportResult(questions=1, left_out=1, unknown_documents=2)


def test_importing_again_changes_texts_and_judgements_and_repeats_nothing(made: EvaluationSet) -> None:
    beir_import(made, queries=queries(q1="When?"), qrels=qrels("q1 tides 1"), actor=ACTOR)
    question = made.questions.get()
    beir_import(made, queries=queries(q1="When is high water?"), qrels=qrels("q1 harbour 3"), actor=ACTOR)
    assert made.questions.get() == question
    assert judgements(made) == [("When is high water?", "harbour", 3)]


def test_a_line_that_cannot_be_read_takes_nothing_in(made: EvaluationSet) -> None:
    broken = NamedLines("queries.jsonl", [*queries(q1="When?").lines, "{"])
    with pytest.raises(UnreadableSetError, match="line 2"):
        beir_import(made, queries=broken, qrels=qrels("q1 tides 1"), actor=ACTOR)
    assert not made.questions.exists()


def test_a_corpus_document_is_found_by_its_id_and_begins_with_its_title(base: KnowledgeBase) -> None:
    pk = corpus_document_upload(base, CorpusDocument("a/b 1", "Buoys", "The buoy is red."), actor=ACTOR)
    make.run_stages()
    buoy = document(base, "a/b 1")
    assert (buoy.pk, buoy.title) == (pk, "Buoys")
    assert buoy.current_version is not None
    assert buoy.current_version.parsed.text.split() == ["Buoys", "The", "buoy", "is", "red."]


def test_two_corpus_ids_of_the_same_text_are_one_document_of_the_higher_grade(made: EvaluationSet) -> None:
    twins = [CorpusDocument(name, "Buoys", "The buoy is red.") for name in ("a", "b")]
    documents = {twin.id: corpus_document_upload(made.knowledge_base, twin, actor=ACTOR) for twin in twins}
    assert documents["a"] == documents["b"]
    beir_import(made, queries=queries(q1="Red?"), qrels=qrels("q1 a 1", "q1 b 2"), documents=documents, actor=ACTOR)
    assert judgements(made) == [("Red?", "a", 2)]


def csv(*rows: str) -> NamedLines:
    return NamedLines("set.csv", ["question,document,passage,grade,reference_answer", *rows])


def test_a_csv_names_documents_by_external_id_or_id_and_passages_by_their_words(made: EvaluationSet) -> None:
    tides = document(made.knowledge_base, "tides")
    done = csv_import(
        made, csv(f"When?,{tides.pk},at noon,2,At noon.", "When?,harbour,,,", "Who?,nobody,,,"), actor=ACTOR
    )
    assert done == ImportResult(questions=1, left_out=1, unknown_documents=1)
    assert made.questions.get().reference_answer == "At noon."
    span = Judgement.objects.get(document=tides)
    assert span.version is not None
    assert span.version.parsed.text[span.start : span.end] == "at noon"
    assert judgements(made) == [("When?", "harbour", 1), ("When?", "tides", 2)]


def test_a_passage_that_is_not_in_its_document_imports_nothing(made: EvaluationSet) -> None:
    with pytest.raises(PermanentError, match=r"line 3: the passage 'at midnight' is not in 'Tides'"):
        csv_import(made, csv("Where?,harbour,,,", "When?,tides,at midnight,,"), actor=ACTOR)
    assert not made.questions.exists()


def test_a_deleted_document_is_not_known(made: EvaluationSet) -> None:
    document_delete(document=document(made.knowledge_base, "tides"), actor=ACTOR)
    assert csv_import(made, csv("When?,tides,,,"), actor=ACTOR) == ImportResult(0, 1, 1)


def test_a_csv_that_comes_again_changes_grades_and_repeats_nothing(made: EvaluationSet) -> None:
    for grade in (1, 3):
        csv_import(made, csv(f"When?,tides,at noon,{grade},", f"When?,tides,,{grade},", "When?,tides,,2,"), actor=ACTOR)
    assert made.questions.count() == 1
    assert judgements(made) == [("When?", "tides", 3), ("When?", "tides", 2)]
    csv_import(made, csv("When?,tides,at noon,0,"), actor=ACTOR)
    assert judgements(made) == [("When?", "tides", 0), ("When?", "tides", 2)]
