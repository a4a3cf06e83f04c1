"""What people and workers do to a few documents, as moves on rows that a thread picks at random."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from django.db import models
from django.db.models.functions import Now

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.intake.upload_groups import Arrival, uploads_note
from apps.documents.intake.uploads import UploadRequest, upload_store
from apps.documents.lifecycle.versions import document_rollback, version_cancel, version_retry
from apps.documents.models import VERSION_STOPPED, Document, DocumentVersion, Grant, KnowledgeBase
from apps.documents.rights.grants import grant_delete
from apps.documents.services.documents import document_delete, document_update
from apps.documents.services.knowledge_bases import knowledge_base_delete, knowledge_base_update
from apps.models.selectors import embedding_model_default
from apps.retrieval.evaluation.sets import NewJudgement, passage_mark, question_add, question_delete
from apps.retrieval.models import EvaluationQuestion, EvaluationSet, IndexGeneration
from apps.retrieval.reindexing.dropping import generation_drop
from apps.retrieval.reindexing.services import (
    ReindexRequest,
    reindex_cancel,
    reindex_resume,
    reindex_rollback,
    reindex_start,
    reindex_switch,
)
from ragsite.core.errors import NotFoundError
from ragsite.gateway.models import ApiKey
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from workers.jobs import JOBS, job_named
from workers.running import job_run

TEXTS = tuple(
    f"The harbour office opens at {hour}. A berth costs {hour} euros. High water is at {hour}." for hour in "1234567"
)
NAMES = ("", "a", "b", "c")
Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Player:
    """A thread's own dice, and the knowledge bases that all of them share; `lasting` is the one that is never deleted."""

    dice: random.Random
    lasting: KnowledgeBase
    bases: tuple[KnowledgeBase, ...]
    keys: tuple[ApiKey, ...]

    def one(self, rows: models.QuerySet[Row]) -> Row:
        found = list(rows.order_by("pk"))
        if not found:
            raise NotFoundError("There is nothing of that kind.")
        return self.dice.choice(found)

    @property
    def base(self) -> KnowledgeBase:
        return self.dice.choice(self.bases)

    @property
    def document(self) -> Document:
        return self.one(Document.objects.filter(knowledge_base__in=self.bases))

    @property
    def version(self) -> DocumentVersion:
        return self.one(DocumentVersion.objects.filter(document__knowledge_base__in=self.bases))

    @property
    def file(self) -> dict[str, Any]:
        """Bytes that others may have, too; some can't be parsed."""
        if self.dice.random() < 0.2:
            return {"content": make.BROKEN_PDF + self.dice.choice((b"1", b"2")), "filename": "broken.pdf"}
        return {"content": self.dice.choice(TEXTS), "filename": "text.txt"}


def upload(player: Player) -> None:
    make.upload(player.base, external_id=player.dice.choice(NAMES), **player.file)


def upload_version(player: Player) -> None:
    document = player.document
    make.upload(document.knowledge_base, document=document, **player.file)


def upload_together(player: Player) -> None:
    base, texts = player.base, player.dice.sample(TEXTS, 3)
    requests = [UploadRequest(knowledge_base=base, filename="text.txt", parts=[text.encode()]) for text in texts]
    uploads_note([Arrival(request, upload_store(request)) for request in requests], actor=ACTOR)


def rename(player: Player) -> None:
    document_update(
        document=player.document, external_id=player.dice.choice(NAMES), title=player.dice.choice("xyz"), actor=ACTOR
    )


def rename_base(player: Player) -> None:
    knowledge_base_update(knowledge_base=player.base, name=player.dice.choice("pq"), actor=ACTOR)


def rechunk(player: Player) -> None:
    document_update(document=player.document, chunking={"size": player.dice.choice((64, 96, 128))}, actor=ACTOR)


def go_back(player: Player) -> None:
    document = player.document
    document_rollback(document=document, version=player.one(document.versions.all()), actor=ACTOR)


def retry(player: Player) -> None:
    """Mostly of one that stopped."""
    stopped = DocumentVersion.objects.filter(status__in=VERSION_STOPPED)
    version_retry(version=player.one(stopped) if player.dice.random() < 0.7 else player.version, actor=ACTOR)


def grant(player: Player) -> None:
    make.grant(player.dice.choice((player.base, player.document)), player.dice.choice(player.keys))


def reindex(player: Player) -> None:
    chunking = ChunkingSettings(size=player.dice.choice((64, 128, 220)))
    reindex_start(player.lasting, ReindexRequest(model=embedding_model_default(), chunking=chunking), actor=ACTOR)


def drop(player: Player) -> None:
    generations = IndexGeneration.objects.filter(knowledge_base=player.lasting)
    # Nobody searches here.
    generations.filter(retired_at__isnull=False).update(retired_at=Now() - timedelta(days=1))
    generation_drop(player.one(generations), actor=ACTOR)


def questions(player: Player) -> EvaluationSet:
    return player.one(EvaluationSet.objects.all())


def ask(player: Player) -> None:
    answers = [NewJudgement(document_id=player.document.pk) for _ in range(2)]
    question_add(evaluation_set=questions(player), text="When?", relevant=answers, actor=ACTOR)


def mark(player: Player) -> None:
    passage_mark(
        evaluation_set=questions(player),
        text="Where?",
        judged=NewJudgement(document_id=player.document.pk),
        actor=ACTOR,
    )


def job(name: str) -> Callable[[Player], None]:
    def run(player: Player) -> None:
        job_run(job_named(name), turn=turns.short(6))

    return run


MOVES: dict[str, Callable[[Player], object]] = {
    "upload": upload,
    "upload a version": upload_version,
    "upload together": upload_together,
    "rename": rename,
    "re-chunk": rechunk,
    "go back": go_back,
    "retry": retry,
    "cancel": lambda player: version_cancel(version=player.version, actor=ACTOR),
    "delete": lambda player: document_delete(document=player.document, actor=ACTOR),
    "rename a base": rename_base,
    "delete a base": lambda player: knowledge_base_delete(knowledge_base=player.bases[-1], actor=ACTOR),
    "grant": grant,
    "revoke": lambda player: grant_delete(grant=player.one(Grant.objects.all()), actor=ACTOR),
    "re-index": reindex,
    "resume": lambda player: reindex_resume(player.lasting, actor=ACTOR),
    "switch": lambda player: reindex_switch(player.lasting, actor=ACTOR),
    "switch back": lambda player: reindex_rollback(player.lasting, actor=ACTOR),
    "stop the re-index": lambda player: reindex_cancel(player.lasting, actor=ACTOR),
    "drop": drop,
    "ask": ask,
    "mark": mark,
    "take back": lambda player: question_delete(question=player.one(EvaluationQuestion.objects.all()), actor=ACTOR),
} | {one.name: job(one.name) for one in JOBS if one.name != "sweep"}

WORK = ("parse", "chunk", "embed", "activate", "reindex", "documents-purge")
OFTEN = ("retry", "cancel", "go back", "upload a version", "rename", "re-chunk", "switch", "switch back", "re-index")
RARELY = ("delete a base", "blobs-purge", "idempotency-purge", "presence-purge", "events-purge", "generations-index")


def _weight(name: str) -> int:
    return 12 if name in WORK else 6 if name in OFTEN else 1 if name in RARELY else 3


WEIGHTS = [_weight(name) for name in MOVES]


def chosen(player: Player) -> str:
    """The name of a move."""
    return player.dice.choices(list(MOVES), WEIGHTS)[0]
