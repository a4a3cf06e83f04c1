from __future__ import annotations

import pytest

from apps.documents.models import Document, KnowledgeBase
from apps.documents.services.finding import documents_find, documents_list
from apps.documents.services.lines import lines_read, version_read
from ragsite.core.errors import NotFoundError
from tests import factories as make

pytestmark = pytest.mark.django_db


def named(base: KnowledgeBase, *titles: str) -> None:
    """Documents of these titles."""
    for title in titles:
        make.upload(base, title, filename="note.txt", title=title)


def found(base: KnowledgeBase, name: str, **how: object) -> list[str]:
    page = documents_find(
        make.principal(base.tenant), name=name, **({"knowledge_base_id": None, "offset": 0, "limit": 10} | how)
    )  # type: ignore[arg-type]
    return [one.title for one in page.documents]


@pytest.mark.parametrize("name", ["Übersicht", "ubersicht", "ÜBER", "bersich"])
def test_a_document_is_found_by_a_part_of_its_name_whatever_the_case_and_accents(name: str) -> None:
    base = make.knowledge_base()
    named(base, "Übersicht Häfen", "Other")
    assert found(base, name) == ["Übersicht Häfen"]


def test_a_file_name_and_an_external_id_are_names_too() -> None:
    base = make.knowledge_base()
    make.ready_version(base, "text", filename="Tarif_2024.txt", title="Prices", external_id="crm-17")
    assert found(base, "tarif_") == found(base, "CRM-17") == ["Prices"]
    assert found(base, "tarif%") == []


def test_a_list_comes_in_pages_and_says_where_the_next_one_begins() -> None:
    base = make.knowledge_base()
    named(base, "c", "a", "b")
    who = make.principal(base.tenant)
    first = documents_list(who, knowledge_base_id=base.pk, offset=0, limit=2)
    rest = documents_list(who, knowledge_base_id=base.pk, offset=first.next_offset or 0, limit=2)
    assert [[one.title for one in page.documents] for page in (first, rest)] == [["a", "b"], ["c"]]
    assert (first.next_offset, rest.next_offset) == (2, None)


def test_what_the_caller_may_not_read_is_not_found() -> None:
    base = make.knowledge_base()
    named(base, "open", "open too")
    Document.objects.filter(title="open too").update(restricted=True)
    assert found(base, "open") == ["open"]
    other = make.knowledge_base()
    with pytest.raises(NotFoundError):
        documents_list(make.principal(other.tenant), knowledge_base_id=base.pk, offset=0, limit=2)
    assert found(other, "open") == []


def test_lines_are_read_from_where_one_says_and_say_where_to_go_on() -> None:
    version = make.ready_version(content="one\n\ntwo\n\nthree\n", filename="a.txt")
    who = make.principal(version.document.tenant)
    whole = version.parsed.text.split("\n")
    first = lines_read(who, version=version, first=1, number=2)
    rest = lines_read(who, version=version, first=first.next_line or 0, number=50)
    assert [*first.lines, *rest.lines] == whole
    assert (first.next_line, first.total, rest.next_line) == (3, len(whole), None)
    assert lines_read(who, version=version, first=90, number=5).lines == ()


def test_long_texts_come_in_parts_and_a_longer_line_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.documents.services.lines.CHARACTERS", 10)
    version = make.ready_version(content="x" * 30 + "\n\n" + "y" * 6 + "\n\n" + "z" * 6, filename="a.txt")
    who = make.principal(version.document.tenant)
    told, line = [], 1
    while line:
        part = lines_read(who, version=version, first=line, number=50)
        told += part.lines
        line = part.next_line or 0
    assert told == [one[:10] for one in version.parsed.text.split("\n")]


def test_a_version_that_one_may_not_read_is_not_there() -> None:
    version = make.ready_version()
    own, other = make.principal(version.document.tenant), make.principal(make.tenant())
    assert version_read(own, document_id=version.document_id) == version_read(own, version_id=version.pk) == version
    for named in ({"document_id": version.document_id}, {"version_id": version.pk}):
        with pytest.raises(NotFoundError):
            version_read(other, **named)
    with pytest.raises(NotFoundError, match="has no text"):
        lines_read(other, version=version, first=1, number=1)
