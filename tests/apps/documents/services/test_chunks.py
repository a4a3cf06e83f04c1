from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from apps.documents.models import Chunk, DocumentVersion
from apps.documents.services.chunks import COLUMNS, chunks_write
from tests import factories as make

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def version() -> DocumentVersion:
    return make.upload(make.knowledge_base()).version


def chunk(version: DocumentVersion, ordinal: int, **given: object) -> Chunk:
    fields = {
        "chunking_key": "k",
        "start": 3,
        "end": 9,
        "text": "Ein\tText\\ mit „Zeichen“\n東京",
        "table_header": "",
        "content_hash": b"\x00\xff" * 16,
        "token_count": 7,
        "heading_path": [],
        "place": None,
    }
    return Chunk(version=version, ordinal=ordinal, **(fields | given))


def test_every_column_comes_back_as_it_was_given(version: DocumentVersion) -> None:
    path = ['quoted "heading"', "", "{braces}, commas", "NULL"]
    given = [
        chunk(version, 0),
        chunk(version, 1, heading_path=path, place={"page": 4, "name": "Ä\n"}, table_header="a | b"),
    ]

    with transaction.atomic():
        chunks_write(given)

    kept = list(Chunk.objects.order_by("ordinal").values_list(*COLUMNS))
    assert [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in kept] == [
        tuple(getattr(one, name) for name in COLUMNS) for one in given
    ]


def test_every_column_of_a_chunk_but_its_id_is_written() -> None:
    assert {field.attname for field in Chunk._meta.concrete_fields} - {"id"} == set(COLUMNS)


def test_a_chunk_that_is_there_already_is_refused(version: DocumentVersion) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        chunks_write([chunk(version, 0), chunk(version, 0)])

    assert not Chunk.objects.exists()


def test_no_chunks_are_nothing_to_write() -> None:
    with transaction.atomic():
        chunks_write([])

    assert not Chunk.objects.exists()
