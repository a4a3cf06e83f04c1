"""Values planted in the documents of a knowledge base that masks: every door is asked, and none gives one out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test import Client

from apps.documents.lifecycle.editing import document_edit
from apps.documents.lifecycle.edits import Edit
from apps.documents.models import Chunk, DocumentVersion, KnowledgeBase, MaskingChange, MaskingState, OriginalText
from apps.documents.rights.access import reading_as
from apps.documents.services.grepping import Grep, documents_grep
from apps.documents.services.knowledge_bases import knowledge_base_update
from apps.documents.services.lines import lines_read
from apps.documents.services.masking import MASK
from apps.retrieval.models import Answer, Citation, Query
from ragsite.gateway.models import Permission, Role
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.streaming.inline import runs_inline
from tests.apps.retrieval.streaming.reading import streamed

pytestmark = pytest.mark.django_db

AT_ANSWER, AT_INGESTION = {"mode": "at_answer"}, {"mode": "at_ingestion"}
EMAIL, PHONE, IBAN = "olga.berg@harbour.example", "+49 40 7654321", "DE89 3704 0044 0532 0130 00"
PASSWORD, CARD, HEADED = "Kr4ken-99xQ", "4111 1111 1111 1111", "desk@harbour.example"
VALUES = (EMAIL, PHONE, IBAN, PASSWORD, CARD, HEADED)
PARTS = ("olga.berg", "7654321", "3704 0044", "0532", "Kr4ken", "1111 1111", "desk@")
"""Of each value what tells of it even where a chunk's end cut it."""

TEXT = f"""# Berths, by {HEADED}

The harbour has 42 berths for guests, and Olga Berg ({EMAIL}, {PHONE}) keeps the list of guests.

## Payment

Guests pay by transfer to {IBAN}, and the deposit was charged to {CARD} last year.

| Door | Code |
| --- | --- |
| Pier {EMAIL} | password: {PASSWORD} |
| Shed | none |
"""
QUESTION = f"Who keeps the list of guests, is it {EMAIL}?"
SMALL = {"strategy": "tokens", "size": 16, "overlap": 4}


@pytest.fixture(autouse=True)
def _inline() -> Iterator[None]:
    with runs_inline():
        yield


@pytest.fixture(params=[AT_ANSWER, AT_INGESTION], ids=["at answer", "at ingestion"])
def version(request: pytest.FixtureRequest) -> DocumentVersion:
    base = make.knowledge_base(chunking=SMALL, masking=request.param)
    return make.ready_version(base, TEXT)


def base_of(version: DocumentVersion) -> KnowledgeBase:
    return version.document.knowledge_base


IDS = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32,}|\d{4}-\d\d-\d\dT[\d:.]+")
"""Ids, hashes and moments, in which any digits may come together."""


def told_by(said: str) -> list[str]:
    """What of the values is in what was said."""
    plain = said.encode().decode("unicode_escape", "ignore") + said if "\\u" in said else said
    spoken = IDS.sub("", plain)
    return [part for part in PARTS if part in spoken]


def body(response: Any) -> str:
    return b"".join(response.streaming_content).decode() if response.streaming else response.content.decode()


def post(client: Client, path: str, said: dict[str, Any]) -> Any:
    response = client.post(path, said, content_type="application/json")
    assert response.status_code < 300, response.content
    return response


def test_no_door_of_the_api_gives_a_value_out_and_citations_are_exact(version: DocumentVersion) -> None:
    base, tenant = base_of(version), version.document.tenant
    client = make.client(tenant, Permission.READ, Permission.QUERY)
    v, d, k = version.pk, version.document_id, [str(base.pk)]
    found = post(
        client,
        "/api/v1/search",
        {"query": QUESTION, "knowledge_bases": k, "neighbours": 2, "section": True, "explain": True},
    )
    answer = post(client, "/api/v1/ask", {"question": QUESTION, "knowledge_bases": k})
    in_events = streamed(
        client.post(
            "/api/v1/ask", {"question": QUESTION, "stream": True, "cache": False}, content_type="application/json"
        )
    )
    conversation = post(client, "/api/v1/conversations/", {"knowledge_bases": k}).json()["id"]
    turn = post(client, "/api/v1/ask", {"question": QUESTION, "conversation": conversation})
    chat = {"model": str(base.pk), "messages": [{"role": "user", "content": QUESTION}]}
    said = [
        found.content.decode(),
        body(answer),
        "".join(map(str, in_events)),
        body(turn),
        body(post(client, "/v1/chat/completions", chat)),
    ]
    answer_id = answer.json()["id"]
    for path in (
        f"documents/{d}/", f"documents/{d}/versions/", f"documents/{d}/edits/", f"versions/{v}/", f"versions/{v}/chunks/",
        f"answers/{answer_id}", f"answers/{answer_id}/export", f"conversations/{conversation}/",
        f"conversations/{conversation}/export",
    ):  # fmt: skip
        response = client.get(f"/api/v1/{path}")
        assert response.status_code == 200, (path, response.content)
        said.append(body(response))
    assert [told_by(one) for one in said] == [[]] * len(said)
    assert "[e-mail " in found.json()["passages"][0]["text"] + body(answer)
    for cited in Citation.objects.select_related("version__parsed"):
        assert cited.version.parsed.text[cited.start : cited.end] == cited.quote
    refused = client.get(f"/api/v1/versions/{v}/file/")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    owner = make.client(tenant)
    assert EMAIL in body(owner.get(f"/api/v1/versions/{v}/file/"))
    assert owner.get(f"/api/v1/versions/{v}/").json()["finds"] == {
        "email": 3,
        "phone": 1,
        "iban": 1,
        "card": 1,
        "secret": 1,
    }


def test_searching_for_a_value_finds_its_passage_only_where_the_index_knows_it(version: DocumentVersion) -> None:
    base = base_of(version)
    principal = make.principal(version.document.tenant)
    assert documents_grep(principal, Grep(EMAIL)).matches == ()
    (line,) = documents_grep(principal, Grep("keeps the list")).matches
    assert told_by(line.text) == []
    assert told_by("".join(lines_read(principal, version=version, first=1, number=50).lines)) == []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM retrieval_lexicalposting WHERE term = 'olga.berg@harbour.example' OR term = '7654321'"
        )
        known = cursor.fetchone()[0]
    assert bool(known) == (base.masking == AT_ANSWER)
    assert OriginalText.objects.filter(version=version).exists() == (base.masking == AT_ANSWER)


@pytest.mark.parametrize("version", [AT_ANSWER], ids=["at answer"], indirect=True)
def test_no_page_of_the_admin_gives_a_value_out_wherever_its_links_lead(version: DocumentVersion) -> None:
    """From the knowledge base's pages a reader goes on by every link, as far as they lead within the admin."""
    base = base_of(version)
    make.client(version.document.tenant)
    reader = Client()
    reader.force_login(make.member(version.document.tenant, Role.READER))
    post(make.client(version.document.tenant), "/api/v1/ask", {"question": QUESTION, "knowledge_bases": [str(base.pk)]})
    start = f"/admin/knowledge-bases/{base.pk}/"
    waiting = [
        start, f"{start}documents/", f"{start}ask/", f"{start}settings/", f"{start}documents/{version.document_id}/",
        f"{start}documents/{version.document_id}/versions/1/place/?start=0&end=9",
        f"{start}documents/{version.document_id}/?part=passages", "/admin/retrieval/answer/", "/admin/retrieval/query/",
    ]  # fmt: skip
    seen, leaking = set[str](), dict[str, list[str]]()
    while waiting and len(seen) < 40:
        path = waiting.pop(0)
        if path in seen or "logout" in path or "language" in path:
            continue
        seen.add(path)
        response = reader.get(path)
        said = body(response)
        if told := told_by(said):
            leaking[path] = told
        links = re.findall(r'(?:href|hx-get|src)="(/admin/[^"#]+)"', said.replace("&amp;", "&"))
        waiting += [one for one in links if str(base.pk) in one or "retrieval" in one]
    assert leaking == {}
    assert all(any(part in one for one in seen) for part in ("place", "/retrieval/answer/"))
    assert reader.get(f"{start}documents/{version.document_id}/versions/1/file/").status_code == 403


def test_a_value_stands_nowhere_in_the_database_but_in_the_originals(version: DocumentVersion) -> None:
    client = make.client(version.document.tenant)
    post(client, "/api/v1/ask", {"question": QUESTION, "knowledge_bases": [str(base_of(version).pk)]})
    assert Query.objects.get().question.startswith("Who keeps the list of guests, is it [e-mail ")
    expected = {"documents_originaltext"} if base_of(version).masking == AT_ANSWER else set()
    assert tables_with(*VALUES) == expected


def tables_with(*values: str) -> set[str]:
    """The tables in a row of which one of these stands; words of an index are no sentences."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        )
        names = [name for (name,) in cursor.fetchall() if name != "retrieval_lexicalposting"]
        found = set()
        for name in names:
            says = f'SELECT EXISTS (SELECT FROM "{name}" t WHERE t::text LIKE ANY (%s))'  # noqa: S608 - a table's own name
            cursor.execute(says, [[f"%{one}%" for one in values]])
            if cursor.fetchone()[0]:
                found.add(name)
    return found


def test_masking_that_is_turned_on_reaches_what_is_there_and_what_was_said_and_off_brings_it_back() -> None:
    base = make.knowledge_base(chunking=SMALL)
    version = make.ready_version(base, TEXT)
    client = make.client(base.tenant)
    post(client, "/api/v1/ask", {"question": QUESTION, "knowledge_bases": [str(base.pk)]})
    shown = version.parsed.text
    vectors = tuple(Chunk.objects.filter(version=version).order_by("pk").values_list("pk", "content_hash"))
    knowledge_base_update(knowledge_base=base, masking={"mode": "monitor"}, actor=ACTOR)
    assert make.work_once(MASK)
    version.refresh_from_db()
    version.parsed.refresh_from_db()
    assert (version.parsed.text, version.parsed.finds["email"]) == (shown, 3)

    knowledge_base_update(knowledge_base=base, masking=AT_ANSWER, actor=ACTOR)
    assert make.work_once(MASK)
    assert MaskingChange.objects.get().state == MaskingState.DONE
    assert tables_with(*VALUES) == {"documents_originaltext"}
    assert told_by(json.dumps(client.get(f"/api/v1/answers/{Answer.objects.get().pk}").json())) == []
    cited = Citation.objects.select_related("version__parsed").first()
    assert cited is not None
    assert cited.version.parsed.text[cited.start : cited.end] == cited.quote
    again = post(client, "/api/v1/ask", {"question": QUESTION, "knowledge_bases": [str(base.pk)]}).json()
    assert (again["cached"], told_by(json.dumps(again))) == (None, [])

    knowledge_base_update(knowledge_base=base, masking={"mode": "off"}, actor=ACTOR)
    assert make.work_once(MASK)
    version.parsed.refresh_from_db()
    assert (version.parsed.text, version.parsed.masked_as) == (shown, "")
    assert not OriginalText.objects.exists()
    version.document.refresh_from_db()
    assert version.document.told == f"Berths, by {HEADED}"
    chunks = Chunk.objects.filter(version=version).order_by("pk")
    assert [one.text for one in chunks] == [shown[one.start : one.end] for one in chunks]
    assert tuple(chunks.values_list("pk", "content_hash")) == vectors


def test_masking_at_ingestion_that_is_turned_on_has_the_documents_indexed_anew_without_the_values() -> None:
    base = make.knowledge_base(chunking=SMALL, masking=AT_ANSWER)
    version = make.ready_version(base, TEXT)
    knowledge_base_update(knowledge_base=base, masking=AT_INGESTION, actor=ACTOR)
    assert make.work_once(MASK)
    make.run_stages()
    document = version.document
    document.refresh_from_db()
    assert document.current_version_id != version.pk
    assert tables_with(*VALUES) == set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM retrieval_lexicalversion v JOIN retrieval_lexicalposting p USING (segment_id) "
            "WHERE v.version_id = %s AND p.term LIKE '%%olga.berg@%%'", [document.current_version_id],
        )  # fmt: skip
        assert cursor.fetchone()[0] == 0


def test_a_change_that_was_cut_off_goes_on_where_it_stopped() -> None:
    base = make.knowledge_base()
    for number in range(3):
        make.upload(base, f"Note {number}: write to guest{number}@harbour.example.", filename=f"{number}.txt")
    make.run_stages()
    knowledge_base_update(knowledge_base=base, masking=AT_ANSWER, actor=ACTOR)
    make.work_once(MASK, seconds=0.0)
    assert MaskingChange.objects.get().state == MaskingState.APPLYING
    while MaskingChange.objects.get().state == MaskingState.APPLYING:
        assert make.work_once(MASK)
    assert OriginalText.objects.count() == 3
    assert not Chunk.objects.filter(text__contains="@harbour").exists()


def test_only_who_decides_on_who_reads_decides_on_masking() -> None:
    base = make.knowledge_base()
    editor, owner = make.client(base.tenant, Permission.READ, Permission.WRITE), make.client(base.tenant)
    path, said = f"/api/v1/knowledge-bases/{base.pk}/", {"masking": AT_ANSWER}
    assert editor.patch(path, said, content_type="application/json").status_code == 403
    assert owner.patch(path, said, content_type="application/json").json()["masking"] == AT_ANSWER
    wrong = owner.patch(path, {"masking": {"mode": "sometimes"}}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_masking")


def test_what_is_typed_into_an_edit_is_masked_before_it_is_kept() -> None:
    base = make.knowledge_base(masking=AT_ANSWER)
    version = make.ready_version(base, TEXT)
    at = version.parsed.text.index("last year")
    edit = Edit(at, at + 9, "in May; ask new@harbour.example")
    made = document_edit(document=version.document, version=version, edits=[edit], actor=ACTOR)
    make.run_stages()
    made.refresh_from_db()
    assert made.status == "ready"
    assert tables_with("new@harbour.example") == set()
    assert (EMAIL in made.original.text, EMAIL in made.parsed.text) == (True, False)
    assert len(made.original.text) == len(made.parsed.text)


def test_the_role_of_readers_may_not_look_at_originals() -> None:
    base = make.knowledge_base()
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic(), reading_as(make.scope(base)):
        list(OriginalText.objects.all())
