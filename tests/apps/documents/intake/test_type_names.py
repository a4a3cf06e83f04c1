from __future__ import annotations

import pytest

from apps.documents.intake.type_names import FAMILIES, UnknownTypeNameError, document_types_named
from apps.documents.parsing.types import DocumentType


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("pdf", {DocumentType.PDF}),
        (" .PDF ", {DocumentType.PDF}),
        ("application/pdf", {DocumentType.PDF}),
        ("htm", {DocumentType.HTML}),
        ("text/markdown", {DocumentType.MARKDOWN}),
        ("spreadsheet", {DocumentType.XLSX, DocumentType.ODS, DocumentType.CSV}),
        ("code", {DocumentType.CODE, DocumentType.PYTHON}),
        (".py", {DocumentType.PYTHON}),
    ],
)
def test_types_are_found_by_what_people_call_them(name: str, types: set[DocumentType]) -> None:
    assert document_types_named(name) == types


def test_every_type_has_its_own_name_and_every_family_more_than_names() -> None:
    assert all(kind in document_types_named(kind.value) for kind in DocumentType)
    assert all(FAMILIES.values())


@pytest.mark.parametrize(("name", "why"), [("js", "not distinguished"), ("exe", "not known"), ("", "not known")])
def test_an_unknown_type_is_refused_with_the_known_ones(name: str, why: str) -> None:
    with pytest.raises(UnknownTypeNameError, match=why) as refused:
        document_types_named(name)
    assert repr(name) in str(refused.value)
    assert "spreadsheet" in refused.value.sentence
