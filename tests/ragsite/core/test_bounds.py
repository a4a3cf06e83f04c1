"""No field holds without end: doors refuse in words, and the database has a wall behind them."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import IntegrityError, connection, models, transaction

from apps.documents.models import Document, KnowledgeBase
from ragsite.core.bounds import BytesAtMost, lengths_check
from ragsite.core.errors import LONGEST, PermanentError, RagError
from ragsite.gateway.keys import api_key_create
from ragsite.gateway.models import ApiKey, Permission, Tenant
from ragsite.gateway.tenants import tenant_get_or_create
from tests import factories as make
from tests.acting import ACTOR

OURS = ("ragsite.", "apps.", "workers.")

MADE_OF_FILES = "what is parsed from a file is bounded by the limits of an upload and of parsing"
MADE_OF_CHUNKS = "made of chunks, whose number and size is bounded by what is parsed"
BOUNDED_ELSEWHERE = {
    "documents.OriginalText": MADE_OF_FILES,
    "documents.ParsedText": MADE_OF_FILES,
    "documents.Chunk": MADE_OF_FILES,
    "retrieval.LexicalSegment": MADE_OF_CHUNKS,
    "retrieval.LexicalPosting": MADE_OF_CHUNKS,
    "retrieval.LexicalVersion": MADE_OF_CHUNKS,
}
"""Models whose rows are written by work alone, and nobody's words."""

CODES = {"core.AuditEntry.mac", "core.AuditSeal.hash", "core.AuditCheckpoint.hash", "core.AuditCheckpoint.mac"}
"""Fields that hold a code of 32 bytes."""


def kinds() -> list[type[models.Model]]:
    return [kind for kind in apps.get_models() if kind.__module__.startswith(OURS)]


def endless(kind: type[models.Model]) -> set[str]:
    """The fields whose length the column's type does not limit."""
    types = (models.TextField, models.JSONField, models.BinaryField, ArrayField)
    return {field.name for field in kind._meta.local_concrete_fields if isinstance(field, types)}


def walled(kind: type[models.Model]) -> dict[str, BytesAtMost]:
    return {one.field: one for one in kind._meta.constraints if isinstance(one, BytesAtMost)}


def test_every_field_without_a_length_has_a_wall_or_a_reason() -> None:
    open_fields = {
        f"{kind._meta.label}.{name}"
        for kind in kinds()
        if kind._meta.label not in BOUNDED_ELSEWHERE
        for name in endless(kind) - walled(kind).keys()
    }
    assert open_fields - CODES == set()


def test_every_reason_is_still_needed() -> None:
    labels = {kind._meta.label for kind in kinds() if endless(kind)}
    assert {f"{kind._meta.label}.{name}" for kind in kinds() for name in endless(kind)} >= CODES
    assert BOUNDED_ELSEWHERE.keys() <= labels


@pytest.mark.django_db
def test_every_wall_stands_in_the_database_and_holds_for_all_rows() -> None:
    expected = {wall.name for kind in kinds() for wall in walled(kind).values()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint WHERE contype = 'c' AND convalidated")
        standing = {name for (name,) in cursor.fetchall()}
    assert expected
    assert expected - standing == set()


@pytest.mark.django_db
def test_a_wall_refuses_what_a_door_forgot() -> None:
    base = make.knowledge_base()
    for changes in ({"description": "x" * (4 * 1024 * 1024 + 1)}, {"retrieval": {"x": "y" * (4 * 1024 * 1024)}}):
        with pytest.raises(IntegrityError), transaction.atomic():
            KnowledgeBase.objects.filter(pk=base.pk).update(**changes)


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        (KnowledgeBase, {"name": "x" * 121}, "The name of the knowledge base has 121 characters. At most 120 are kept"),
        (KnowledgeBase, {"name": "x", "description": "x" * 10_001}, "description of the knowledge base has 10,001"),
        (Document, {"title": "x" * 301}, "The title of the document has 301 characters"),
        (Document, {"external_id": "x" * 201}, "external id of the document has 201"),
        (ApiKey, {"name": "x" * 121}, "The name of the API key has 121"),
        (Tenant, {"slug": "x" * 61}, "The slug of the tenant has 61"),
    ],
)
def test_a_text_that_is_too_long_is_refused_in_words(
    model: type[models.Model], values: dict[str, str], words: str
) -> None:
    with pytest.raises(PermanentError) as refused:
        lengths_check(model, **values)
    assert words in refused.value.sentence


@pytest.mark.django_db
def test_keys_and_tenants_have_names_that_fit() -> None:
    tenant, keys, tenants = make.tenant(), ApiKey.objects.count(), Tenant.objects.count()
    with pytest.raises(PermanentError, match="has 121 characters"):
        api_key_create(tenant=tenant, name="x" * 121, permissions=[Permission.READ], actor=ACTOR)
    with pytest.raises(PermanentError, match="has 200 characters"):
        tenant_get_or_create(name="x" * 200, actor=ACTOR)
    assert (ApiKey.objects.count(), Tenant.objects.count()) == (keys, tenants)


def test_what_an_error_quotes_does_not_make_it_endless() -> None:
    error = RagError("begins " + "x" * 1_000_000 + " ends", action="y" * 1_000_000)
    assert len(error.message) <= LONGEST
    assert error.message.startswith("begins x")
    assert error.message.endswith("x ends")
    assert len(error.sentence) <= 2 * LONGEST + 1
    assert RagError("short", action="do").sentence == "short do"
