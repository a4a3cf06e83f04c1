"""Evaluation sets from files: BEIR's, and CSV. A question of which no relevant document is known is left out."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.documents.intake.uploads import UploadRequest, document_upload
from apps.documents.masking.texts import originals_of
from apps.documents.models import Document, KnowledgeBase, ParsedText
from apps.retrieval.evaluation.readers import (
    CorpusDocument,
    CsvRow,
    JudgementRow,
    NamedLines,
    QuestionRow,
    csv_read,
    qrels_read,
    queries_read,
)
from apps.retrieval.evaluation.selectors import documents_measured
from apps.retrieval.models import EvaluationQuestion, EvaluationSet, Judgement
from ragsite.core.actors import Actor, change_log
from ragsite.core.composing import composed, spellings
from ragsite.core.errors import PermanentError
from ragsite.core.locking import rows_hold
from ragsite.gateway.keys import Principal

BATCH = 500
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The result of an import: questions imported, questions left out, and relevant documents that are not known."""

    questions: int
    left_out: int
    unknown_documents: int


def corpus_document_upload(
    knowledge_base: KnowledgeBase, document: CorpusDocument, *, principal: Principal | None = None, actor: Actor
) -> UUID:
    """Upload a document of a corpus, known by its id there; the id of the document it became, or was already. Of two that say the
    same, the second is the first: else each would hide the other where one is relevant.

    Raises:
        PermanentError: it is empty or otherwise not accepted.
        ConflictError: it is one that the principal may not read.
    """
    upload = document_upload(
        UploadRequest(
            knowledge_base=knowledge_base,
            filename=f"{_NOT_IN_A_NAME.sub('_', document.id)[:80]}.txt",
            parts=[document.body.encode()],
            title=document.title.strip()[:300],
            external_id="" if _is_said(knowledge_base, document) else document.id,
            principal=principal,
        ),
        actor=actor,
    )
    return upload.version.document_id


def _is_said(knowledge_base: KnowledgeBase, document: CorpusDocument) -> bool:
    """Whether a document of another id holds its words, and none has its own id."""
    living = Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None)
    held = living.filter(content_hash=hashlib.sha256(document.body.encode()).hexdigest())
    return held.exists() and not living.filter(external_id__in=spellings(document.id)).exists()


def beir_import(
    evaluation_set: EvaluationSet,
    *,
    queries: NamedLines,
    qrels: NamedLines,
    documents: Mapping[str, UUID] | None = None,
    actor: Actor,
) -> ImportResult:
    """Take the questions of a BEIR data set with their judgements; a known question's text and judgements are replaced.

    `documents` gives the document for a corpus id; without it they are found by their external ids.

    Raises:
        UnreadableSetError: a line can't be read; nothing is taken then.
    """
    judged = _by_question(qrels_read(qrels))
    named = {row.document_id for rows in judged.values() for row in rows}
    wanted = {row.document_id for rows in judged.values() for row in rows if row.grade}
    known = documents if documents is not None else _documents_by_external_id(evaluation_set, named)
    asked = taken = 0
    with transaction.atomic():
        _hold(evaluation_set)
        for rows in _batches(row for row in queries_read(queries) if any(one.grade for one in judged.get(row.id, ()))):
            asked += len(rows)
            taken += _take(evaluation_set, rows, judged, known)
        _imported(evaluation_set, taken, actor)
    return ImportResult(taken, asked - taken, len(wanted - known.keys()))


def csv_import(evaluation_set: EvaluationSet, source: NamedLines, *, actor: Actor) -> ImportResult:
    """Take the questions of a CSV; a passage becomes the span where it first occurs in the document's current version.

    Raises:
        UnreadableSetError: a line can't be read; nothing is taken then.
        PermanentError: (code `passage_not_found`) a passage is not in its document; then nothing is imported.
    """
    rows = list(csv_read(source))
    documents = _documents_by_name(evaluation_set, {row.document for row in rows})
    known = [row for row in rows if row.document in documents]
    with transaction.atomic():
        _hold(evaluation_set)
        questions = _questions_by_text(evaluation_set, _answers(known))
        judgements = {
            (one.question_id, one.document_id, one.start, one.end): one
            for one in (_judgement(row, questions[row.question], documents[row.document], source) for row in known)
        }
        _judgements_write(judgements.values())
        _imported(evaluation_set, len(questions), actor)
    left_out = len({row.question for row in rows}) - len(questions)
    return ImportResult(len(questions), left_out, len({row.document for row in rows} - documents.keys()))


def _imported(evaluation_set: EvaluationSet, number: int, actor: Actor) -> None:
    what = f"{number} questions were imported into evaluation set {evaluation_set.pk}"
    change_log(what, actor=actor, action="evaluation_set.imported", of=evaluation_set, details={"questions": number})


def _hold(evaluation_set: EvaluationSet) -> None:
    """Before any of them is changed: others change questions too, and judgements go with documents that are removed."""
    rows_hold(EvaluationSet.objects.filter(pk=evaluation_set.pk))
    rows_hold(Judgement.objects.filter(question__evaluation_set=evaluation_set.pk))


def _by_question(rows: Iterable[JudgementRow]) -> dict[str, list[JudgementRow]]:
    found: dict[str, list[JudgementRow]] = defaultdict(list)
    for row in rows:
        found[row.question_id].append(row)
    return found


def _take(
    evaluation_set: EvaluationSet,
    rows: Sequence[QuestionRow],
    judged: Mapping[str, list[JudgementRow]],
    known: Mapping[str, UUID],
) -> int:
    answerable = [row for row in rows if any(one.grade and one.document_id in known for one in judged[row.id])]
    questions = _questions(evaluation_set, answerable)
    Judgement.objects.filter(question__in=questions.values(), version=None).delete()
    grades: dict[tuple[UUID, UUID], int] = {}
    for row in answerable:
        for one in judged[row.id]:
            if one.document_id in known:
                place = (questions[row.id].pk, known[one.document_id])
                grades[place] = max(one.grade, grades.get(place, 0))
    Judgement.objects.bulk_create(
        [
            Judgement(question_id=asked, document_id=document, grade=grade)
            for (asked, document), grade in grades.items()
        ],
        batch_size=1000,
    )
    return len(answerable)


def _questions(evaluation_set: EvaluationSet, rows: Sequence[QuestionRow]) -> dict[str, EvaluationQuestion]:
    """The questions of the set by their ids in the file; new ones are made."""
    texts = {row.id: row.text for row in rows}
    found = {one.external_id: one for one in evaluation_set.questions.filter(external_id__in=texts)}
    for name, question in found.items():
        question.text = texts[name]
    EvaluationQuestion.objects.bulk_update(found.values(), ["text"])
    made = [
        EvaluationQuestion(evaluation_set=evaluation_set, external_id=name, text=text)
        for name, text in texts.items()
        if name not in found
    ]
    EvaluationQuestion.objects.bulk_create(made)
    return found | {one.external_id: one for one in made}


def _answers(rows: Iterable[CsvRow]) -> dict[str, str]:
    """The reference answer of each question: the first that a row gives."""
    answers: dict[str, str] = {}
    for row in rows:
        answers[row.question] = answers.get(row.question) or row.reference_answer
    return answers


def _questions_by_text(evaluation_set: EvaluationSet, answers: Mapping[str, str]) -> dict[str, EvaluationQuestion]:
    """The questions of the set by their words; new ones are made with their reference answers."""
    found = {
        one.text: one
        for some in _batches(answers)
        for one in evaluation_set.questions.filter(text__in=some).order_by("-id")
    }
    made = [
        EvaluationQuestion(evaluation_set=evaluation_set, text=text, reference_answer=answer)
        for text, answer in answers.items()
        if text not in found
    ]
    EvaluationQuestion.objects.bulk_create(made, batch_size=BATCH)
    return found | {one.text: one for one in made}


def _judgement(row: CsvRow, question: EvaluationQuestion, document: Document, source: NamedLines) -> Judgement:
    start = _place(row, document, source) if row.passage else None
    return Judgement(
        question=question,
        document=document,
        version_id=None if start is None else document.current_version_id,
        start=start,
        end=None if start is None else start + len(row.passage),
        grade=row.grade,
    )


def _judgements_write(judgements: Iterable[Judgement]) -> None:
    """New ones are added, known ones get the new grade."""
    Judgement.objects.bulk_create(
        judgements,
        batch_size=BATCH,
        update_conflicts=True,
        update_fields=["grade"],
        unique_fields=["question", "document", "version", "start", "end"],
    )


def _place(row: CsvRow, document: Document, source: NamedLines) -> int:
    parsed = ParsedText.objects.filter(version=document.current_version_id).first()
    place = -1
    if parsed is not None:
        # As it is shown, or as its file has it where values are masked: the span is the same.
        original = originals_of([parsed.version_id]).get(parsed.version_id, "")
        place = max(text.find(row.passage) for text in (original, parsed.text))
    if place < 0:
        raise PermanentError(
            f"{source.name}, line {row.line}: the passage {row.passage[:80]!r} is not in {document.title!r}.",
            code="passage_not_found",
            action="Copy it from the parsed text, wait until the document is ready, or leave the passage empty.",
        )
    return place


def _documents_by_external_id(evaluation_set: EvaluationSet, names: Iterable[str]) -> dict[str, UUID]:
    found: dict[str, UUID] = {}
    for some in _batches(sorted(names)):
        documents = _of_external_ids(evaluation_set, some).only("external_id")
        known = {composed(document.external_id): document.pk for document in documents}
        found |= {name: known[composed(name)] for name in some if composed(name) in known}
    return found


def _documents_by_name(evaluation_set: EvaluationSet, names: Iterable[str]) -> dict[str, Document]:
    """Documents by external id or id, whichever the file gives."""
    found: dict[str, Document] = {}
    for some in _batches(sorted(names)):
        ids = [name for name in some if _is_uuid(name)]
        found |= {str(one.pk): one for one in documents_measured(evaluation_set.knowledge_base_id).filter(pk__in=ids)}
        known = {composed(one.external_id): one for one in _of_external_ids(evaluation_set, some)}
        found |= {name: known[composed(name)] for name in some if composed(name) in known}
    return found


def _of_external_ids(evaluation_set: EvaluationSet, names: Iterable[str]) -> QuerySet[Document]:
    """Those that have one of these, however it is composed."""
    wanted = [spelled for name in names for spelled in spellings(name)]
    return documents_measured(evaluation_set.knowledge_base_id).filter(external_id__in=wanted)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
