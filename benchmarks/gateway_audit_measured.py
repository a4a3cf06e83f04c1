"""The measuring half of benchmarks.gateway_audit: imported once Django is set up."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from apps.documents.intake.uploads import UploadRequest, document_upload
from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import access_scope
from apps.documents.services.knowledge_bases import knowledge_base_create
from apps.models.services.registry import bundled_model_path, model_register
from apps.retrieval.doors import showing
from apps.retrieval.search.request import SearchRequest
from benchmarks.acting import ACTOR
from benchmarks.gateway_audit_edits import tampered
from benchmarks.ingestion.corpus import long_text
from benchmarks.place import say
from ragsite.core.audit.models import AuditEntry
from ragsite.gateway.keys import Principal, api_key_create
from ragsite.gateway.models import Permission
from ragsite.gateway.tenants import tenant_get_or_create
from workers.jobs import STAGES
from workers.running import job_run


def measure(options: argparse.Namespace) -> dict[str, float]:
    """The share of changes that were found, and what an entry adds."""
    found = tampered(options.edits)
    searched = _searched(options)
    return {"audit_tamper_found": found, **searched}


def _searched(options: argparse.Namespace) -> dict[str, float]:
    base = _filled(options.documents)
    key, _ = api_key_create(tenant=base.tenant, name="reader", permissions=[Permission.QUERY], actor=ACTOR)
    principal = Principal(base.tenant_id, key.name, frozenset(key.permissions), api_key_id=key.pk)
    questions = [line[:80] for line in long_text(40, seed=7)]
    with_entry: list[float] = []
    without: list[float] = []
    before = AuditEntry.objects.count()
    for number in range(options.repeats + 5):
        question = questions[number % len(questions)]
        for has_entry in (number % 2 == 0, number % 2 == 1):
            with _told(has_entry):
                (with_entry if has_entry else without).append(_milliseconds(principal, question))
    written = AuditEntry.objects.count() - before
    if written != options.repeats + 5:
        raise AssertionError(f"{written} entries were written")
    first, second = (statistics.median(times[5:]) for times in (with_entry, without))
    pairs = statistics.median(one - other for one, other in zip(with_entry[5:], without[5:], strict=True))
    say(f"a search with its entry {first:.2f} ms, without {second:.2f} ms; the entry adds {pairs:.2f} ms")
    return {"audit_share_of_search": pairs / second, "search_ms": second, "audit_entry_ms": pairs}


def _milliseconds(principal: Principal, question: str) -> float:
    began = time.perf_counter()
    scope = access_scope(principal, knowledge_base_ids=None)
    showing.passages_search(SearchRequest(question), scope=scope, actor=principal.actor())
    return (time.perf_counter() - began) * 1000


@contextmanager
def _told(has_entry: bool) -> Iterator[None]:
    if has_entry:
        yield
        return
    with patch.object(showing, "tell_shown", lambda *_, **__: None):
        yield


def _filled(documents: int) -> KnowledgeBase:
    """A knowledge base of texts, by the real stages."""
    model_register(source=bundled_model_path(), name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
    tenant = tenant_get_or_create(name="Searched", actor=ACTOR)
    base = knowledge_base_create(tenant_id=tenant.pk, name="Handbooks", actor=ACTOR)
    paragraphs = long_text(documents, seed=3)
    for number in range(documents):
        text = "\n\n".join(
            paragraphs[number * len(paragraphs) // documents : (number + 1) * len(paragraphs) // documents]
        )
        request = UploadRequest(
            knowledge_base=base, filename=f"{number}.txt", parts=[f"Part {number}\n\n{text}".encode()]
        )
        document_upload(request, actor=ACTOR)
    for stage in STAGES:
        while job_run(stage):
            pass
    return base
