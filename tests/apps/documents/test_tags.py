from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.documents.models import Document, KnowledgeBase
from apps.documents.tags import InvalidTagsError, tags_cleaned, tags_read
from tests import factories as make

DOCUMENTS = "/api/v1/documents/"


def test_tags_are_trimmed_composed_sorted_and_each_kept_once() -> None:
    assert tags_cleaned([" b ", "a", "b", "e\u0301"]) == ["a", "b", "é"]
    assert tags_read(" draft, 2024 ,,draft") == ["2024", "draft"]
    assert tags_read("") == []


@pytest.mark.parametrize(
    ("text", "tags"),
    [('["b", "a"]', ["a", "b"]), (' ["a"]', ["a"]), ("[]", []), ("[draft], a", ["[draft]", "a"]), ('["a"', ['["a"'])],
)
def test_a_form_may_send_tags_as_a_json_list_and_anything_else_is_a_word(text: str, tags: list[str]) -> None:
    assert tags_read(text) == tags


@pytest.mark.parametrize("tag", ["", "  ", "a,b", "a\nb", "a\x00", "\ud800", "x" * 61, 5, None])
def test_an_invalid_tag_is_refused_with_its_text(tag: Any) -> None:
    with pytest.raises(InvalidTagsError) as refused:
        tags_cleaned(["fine", tag])
    assert repr(tag)[:40] in str(refused.value)


def test_too_many_tags_are_refused() -> None:
    with pytest.raises(InvalidTagsError, match="51 tags"):
        tags_cleaned(map(str, range(51)))


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    return make.client(base.tenant)


@pytest.fixture
def base(db: None) -> KnowledgeBase:
    return make.knowledge_base()


def upload(client: Client, base: KnowledgeBase, **fields: Any) -> Any:
    return client.post(DOCUMENTS, {"knowledge_base": str(base.pk), "file": make.file("Some text."), **fields})


@pytest.mark.parametrize("tags", ["draft, 2024", ["draft", "2024"]])
def test_tags_come_with_an_upload_in_one_field_or_several(client: Client, base: KnowledgeBase, tags: Any) -> None:
    answer = upload(client, base, tags=tags)
    assert answer.status_code == 202
    assert client.get(f"{DOCUMENTS}{answer.json()['document']}/").json()["tags"] == ["2024", "draft"]


def test_an_upload_without_tags_has_none_and_bad_ones_are_refused(client: Client, base: KnowledgeBase) -> None:
    assert upload(client, base, tags="x" * 61).status_code == 422
    assert not Document.objects.exists()
    assert upload(client, base).status_code == 202
    assert Document.objects.get().tags == []


def test_tags_are_changed_and_taken_away_and_left_alone_when_not_named(client: Client, base: KnowledgeBase) -> None:
    url = f"{DOCUMENTS}{upload(client, base, tags='draft').json()['document']}/"

    def patch(**changes: Any) -> Any:
        return client.patch(url, changes, content_type="application/json")

    assert patch(title="Other").json()["tags"] == ["draft"]
    assert patch(tags=["final", "2024"]).json()["tags"] == ["2024", "final"]
    refused = patch(tags=["fine", "\n"])
    assert (refused.status_code, Document.objects.get().tags) == (422, ["2024", "final"])
    assert patch(tags=[]).json()["tags"] == []


def test_many_files_get_the_same_tags(client: Client, base: KnowledgeBase) -> None:
    files = [make.file("One.", "a.txt"), make.file("Two.", "b.txt")]
    sent = client.post(f"{DOCUMENTS}bulk/", {"knowledge_base": str(base.pk), "files": files, "tags": "b,a"})
    assert sent.status_code == 200
    assert [document.tags for document in Document.objects.all()] == [["a", "b"]] * 2
