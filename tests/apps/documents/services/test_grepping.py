from __future__ import annotations

from typing import Any

import pytest

from apps.documents.models import Document, KnowledgeBase
from apps.documents.services import grepping
from apps.documents.services.grepping import Grep, Match, documents_grep, pattern_meant
from ragsite.core.errors import NotFoundError, PermanentError
from tests import factories as make

pytestmark = pytest.mark.django_db

RULES = "The code is AB-12.\n\nThe code is ab-12, and x.y too.\n\nNothing here.\n\nThe end of AB-12"


@pytest.fixture
def base() -> KnowledgeBase:
    base = make.knowledge_base()
    make.ready_version(base, RULES, filename="rules.txt")
    return base


def lines(base: KnowledgeBase, text: str, **how: Any) -> list[tuple[int, str]]:
    found = documents_grep(make.principal(base.tenant), Grep(text, **how))
    return [(one.line, one.text) for one in found.matches]


def test_an_exact_text_is_found_with_the_number_of_its_line_in_the_parsed_text(base: KnowledgeBase) -> None:
    text = Document.objects.get().current_version.parsed.text.split("\n")  # type: ignore[union-attr]
    assert lines(base, "AB-12") == [(n, line) for n, line in enumerate(text, 1) if "AB-12" in line]
    assert [n for n, _ in lines(base, "ab-12", ignore_case=True)] == [1, 3, 7]
    assert lines(base, "x.y") == [(3, "The code is ab-12, and x.y too.")]
    assert lines(base, "code.is") == []


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (r"^The end", [7]),
        (r"\bab\b", [3]),
        (r"AB-\d+$", [7]),
        (r"(?i)ab-12", [1, 3, 7]),
        (r"\d\.$", [1]),
        (r"\.", [1, 3, 5]),
    ],
)
def test_a_pattern_holds_for_a_line(base: KnowledgeBase, pattern: str, found: list[int]) -> None:
    assert [n for n, _ in lines(base, pattern, is_pattern=True)] == found


def test_the_edge_of_a_word_is_written_as_everywhere_else() -> None:
    assert pattern_meant(r"\bword\b \\b \B") == r"\yword\y \\b \Y"


def test_lines_around_a_match_come_with_it(base: KnowledgeBase) -> None:
    (one,) = documents_grep(make.principal(base.tenant), Grep("x.y", context=2)).matches
    assert (one.before, one.after) == (("The code is AB-12.", ""), ("", "Nothing here."))


def test_of_a_long_line_the_part_with_the_match_is_given(base: KnowledgeBase) -> None:
    make.ready_version(base, "word " * 400 + "needle " + "word " * 400, filename="long.txt")
    ((_, text),) = lines(base, "needle")
    assert "needle" in text
    assert len(text) == grepping.LINE


def test_what_there_is_no_room_for_is_found_by_going_on(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grepping, "BATCH", 1)
    make.ready_version(base, "AB-12 again\n\nand AB-12 again", filename="more.txt")
    who = make.principal(base.tenant)
    whole = documents_grep(who, Grep("AB-12"))
    found: list[Match] = []
    part = documents_grep(who, Grep("AB-12", limit=1))
    while part.next:
        found += part.matches
        part = documents_grep(who, Grep("AB-12", limit=1, start=part.next))
    assert (*found, *part.matches) == whole.matches
    assert (len(whole.matches), whole.next) == (4, "")


@pytest.mark.parametrize("pattern", ["(", "[a", "*", r"\1", "a{3,2}"])
def test_what_is_no_pattern_is_refused_in_words(base: KnowledgeBase, pattern: str) -> None:
    with pytest.raises(PermanentError, match="is no pattern: "):
        lines(base, pattern, is_pattern=True)
    assert lines(base, pattern) == []


def test_a_pattern_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grepping, "SECONDS", 0.3)
    base = make.knowledge_base()
    make.ready_version(base, "x" * 3001 + "y", filename="x.txt")
    with pytest.raises(PermanentError, match="not all was read") as refused:
        lines(base, r"^(x+)(x+)\1\2\1\2y$", is_pattern=True)
    assert "simpler pattern" in refused.value.error_action
    assert lines(base, "xxx")[0][0] == 1, "the connection is as before"


def test_only_what_the_caller_may_read_is_read(base: KnowledgeBase) -> None:
    other = make.knowledge_base(of=base.tenant)
    make.ready_version(other, "AB-12 in another", filename="b.txt")
    hidden = make.ready_version(base, "AB-12 is hidden", filename="c.txt").document
    Document.objects.filter(pk=hidden.pk).update(restricted=True)
    assert [text for _, text in lines(base, "AB-12", knowledge_base_id=other.pk)] == ["AB-12 in another"]
    assert "AB-12 is hidden" not in [text for _, text in lines(base, "AB-12")]
    with pytest.raises(NotFoundError):
        lines(base, "AB-12", document_id=hidden.pk)
    stranger = make.knowledge_base()
    assert lines(stranger, "AB-12") == []
    with pytest.raises(NotFoundError):
        lines(stranger, "AB-12", knowledge_base_id=base.pk)


def test_where_to_go_on_is_not_made_up(base: KnowledgeBase) -> None:
    with pytest.raises(PermanentError, match="no `next`"):
        lines(base, "AB-12", start="7")
    with pytest.raises(PermanentError, match="no `next`"):
        lines(base, "AB-12", start="-" * 36 + ":1")
