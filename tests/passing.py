"""Stages passed by the only worker there is.

What the queue does so that many workers share many tenants' documents fairly takes half of the time that a short document takes:
turns, a look for what is left, lines in the log. Tests that want a document and not a queue pass its stages here. The work
itself, its errors and what is written are the pipeline's; a test compares both row by row.
"""

from __future__ import annotations

import functools
from datetime import timedelta
from unittest.mock import patch

from django.db import connection
from django.db.models import Q
from django.utils.module_loading import import_string

from apps.documents.lifecycle.rows import VersionsOfStage
from apps.models.engine.tokenizer import ModelTokenizer
from apps.retrieval.index import indexing
from ragsite.core.configuration import WorkSettings
from ragsite.core.ids import new_id
from ragsite.core.leases import Claim, worker_name
from ragsite.core.work import ANY, Turn, rows_work
from workers.jobs import STAGES, Job

# Each test registers its model anew, and to read a tokenizer anew takes as long as to cut a document a few times.
_tokenizer = functools.cache(ModelTokenizer)


class VersionsOfOne(VersionsOfStage):
    """The rows of a stage, claimed as if nobody else were there."""

    def claim(self, *, limit: int, among: Q = ANY) -> Claim:
        """Fresh ones together, and one that was tried before alone."""
        owner = f"{worker_name()}:{new_id()}"
        return Claim(owner, self._taken(owner, "v.attempts = 0", limit) or self._taken(owner, "v.attempts > 0", 1))

    def give_back(self, claim: Claim) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM documents_documentversion WHERE lease_owner = %s LIMIT 1", [claim.owner])
            is_left = cursor.rowcount > 0
        if is_left:
            super().give_back(claim)

    def _taken(self, owner: str, which: str, limit: int) -> tuple[object, ...]:
        work = WorkSettings.current()
        lease = timedelta(seconds=work.lease_seconds)
        with connection.cursor() as cursor:
            cursor.execute(_TAKE.format(which=which), [owner, lease, self.before, work.max_attempts, limit])
            return tuple(sorted(pk for (pk,) in cursor.fetchall()))


def stages_pass() -> None:
    """Do all that waits, stage by stage."""
    with patch.object(indexing, "ModelTokenizer", _tokenizer):
        for stage in STAGES:
            _pass(stage)


def _pass(stage: Job) -> None:
    rows = stage.rows
    assert isinstance(rows, VersionsOfStage)
    alone = VersionsOfOne(rows.stage, rows.before, rows.after, retry_from=rows.retry_from)
    work = import_string(stage.work)
    while rows_work(alone, work, turn=Turn.of(stage.seconds), advice=stage.advice, limit=stage.claims):
        pass


_TAKE = """
    UPDATE documents_documentversion
    SET lease_owner = %s, lease_until = statement_timestamp() + %s, attempts = attempts + 1
    WHERE id IN (
        SELECT v.id FROM documents_documentversion v
        JOIN documents_document d ON d.id = v.document_id JOIN documents_knowledgebase k ON k.id = d.knowledge_base_id
        WHERE v.status = %s AND v.attempts < %s AND {which} AND v.not_before <= statement_timestamp()
          AND (v.lease_until IS NULL OR v.lease_until < statement_timestamp())
          AND d.deleted_at IS NULL AND k.deleted_at IS NULL
        ORDER BY v.not_before, v.id LIMIT %s FOR UPDATE OF v SKIP LOCKED
    )
    RETURNING id
"""
