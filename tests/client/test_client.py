"""The client and the API, as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from ragsite_client import (
    AnswerCompleted,
    AnswerCreated,
    AsyncClient,
    ChangedMeanwhileError,
    Cited,
    Client,
    DocumentFailedError,
    NotFoundError,
    PassagesFound,
    PermissionDeniedError,
    ProblemError,
    TextDelta,
    WaitedTooLongError,
)
from ragsite_client import client as client_module

from apps.documents.models import VERSION_ENDED, Document, DocumentVersion, KnowledgeBase
from ragsite.gateway.models import Permission
from tests import factories as make
from tests.apps.retrieval.streaming.inline import runs_inline
from tests.client.serving import HOST, AsyncViews, beside_the_loop, client_of

pytestmark = pytest.mark.django_db
QUESTION, SENTENCE = "How many berths for guests has the harbour?", "The harbour has 42 berths for guests."


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version()


@pytest.fixture
def client(version: DocumentVersion) -> Iterator[Client]:
    with client_of(make.api_key(version.document.tenant)) as made:
        yield made


def test_a_file_is_uploaded_watched_found_and_asked_about(tmp_path: Path) -> None:
    client = client_of(make.api_key(make.tenant()))
    make.embedding_model()
    base = client.create_knowledge_base("Handbooks", description="All of them.")
    file = tmp_path / "harbour.txt"
    file.write_text(SENTENCE)
    uploaded = client.upload(base.id, file, title="The harbour", external_id="h-1", metadata={"year": 2026}, tags=["a"])
    assert (uploaded.outcome, uploaded.version.status) == ("created", "uploaded")
    with pytest.raises(WaitedTooLongError, match="1 documents"):
        client.wait_until_ready(uploaded, seconds=-1)
    make.run_stages()
    (ready,) = client.wait_until_ready(uploaded)
    assert (ready.id, ready.status, ready.chunk_count, ready.filename) == (uploaded.version.id, "ready", 1, file.name)
    document = Document.objects.get()
    assert (document.title, document.external_id, document.metadata, document.tags) == (
        "The harbour", "h-1", {"year": 2026}, ["a"],
    )  # fmt: skip
    assert client.knowledge_bases() == [base]
    found = client.search(QUESTION, knowledge_bases=[base.id], top_k=3, filters={"tags": {"all": ["a"]}})
    assert [(one.text, one.version, one.knowledge_base) for one in found.passages] == [(SENTENCE, ready.id, base.id)]
    answer = client.ask(QUESTION, knowledge_bases=[base.id], mode="lexical")
    assert (answer.found, answer.citations[0].quote, answer.citations[0].title) == (True, SENTENCE, "The harbour")


def test_bytes_are_uploaded_by_a_name_and_a_document_that_fails_says_why() -> None:
    client = client_of(make.api_key(make.tenant()))
    base = client.create_knowledge_base("Broken")
    uploaded = client.upload(base.id, ("broken.pdf", make.BROKEN_PDF))
    make.run_stages()
    with pytest.raises(DocumentFailedError, match=r"broken\.pdf ended as failed: .+") as failed:
        client.wait_until_ready(uploaded)
    assert failed.value.version.error_code == "damaged_file"


def test_many_files_are_accepted_or_refused_each_and_watched_to_their_ends_however_they_end() -> None:
    client = client_of(make.api_key(make.tenant()))
    chunking = {"size": 64, "overlap": 8}
    base = client.create_knowledge_base("Many", chunking=chunking, visibility="tenant")
    assert (base.visibility, KnowledgeBase.objects.get().chunking["size"]) == ("tenant", 64)
    files = [("a.txt", SENTENCE.encode()), ("b.pdf", make.BROKEN_PDF), ("c.exe", b"MZ")]
    good, broken, refused = client.upload_many(
        base.id, files, tags=("a", "b"), metadata={"year": 2026}, restricted=False
    )
    assert (good.outcome, refused.outcome, refused.version) == ("created", None, None)
    assert refused.error is not None
    assert refused.error.code == "unknown_type"
    assert {(one.tags[1], one.metadata["year"]) for one in Document.objects.all()} == {("b", 2026)}
    assert good.version is not None
    assert broken.version is not None
    make.embedding_model()
    make.run_stages()
    ended = client.as_ended([good.version.id, broken.version.id])
    assert {one.id: one.status for one in ended} == {good.version.id: "ready", broken.version.id: "failed"}


def test_documents_are_listed_looked_up_and_taken_away(client: Client, version: DocumentVersion) -> None:
    base = str(version.document.knowledge_base_id)
    empty = client.create_knowledge_base("Empty")
    assert list(client.documents(empty.id)) == []
    (document,) = client.documents(base)
    assert document == client.document(document.id)
    assert (document.id, document.status, document.knowledge_base) == (str(version.document_id), "ready", base)
    assert (document.title, document.name) == (version.document.title, version.document.name)
    assert document.current_version is not None
    assert document.current_version.id == str(version.pk)
    client.delete_document(document.id)
    assert list(client.documents(base)) == []
    client.delete_knowledge_base(base)
    assert [one.id for one in client.knowledge_bases()] == [empty.id]
    for gone in (lambda: client.document(document.id), lambda: client.delete_document(document.id)):
        with pytest.raises(ProblemError, match="not_found"):
            gone()


def test_what_was_changed_meanwhile_is_not_changed_and_what_was_seen_can_be(
    client: Client, version: DocumentVersion, tmp_path: Path
) -> None:
    seen = client.document(str(version.document_id))
    changed = client.change_document(seen.id, title="The harbour", tags=["a"], if_match=seen.etag)
    assert (changed.title, changed.tags, changed.etag != seen.etag) == ("The harbour", ("a",), True)
    new = ("harbour.txt", b"The harbour has 43 berths.")
    for call in (
        lambda: client.change_document(seen.id, title="Lost", if_match=seen.etag),
        lambda: client.upload_version(seen.id, new, if_match=seen.etag),
        lambda: client.delete_document(seen.id, if_match=seen.etag),
    ):
        with pytest.raises(ChangedMeanwhileError):
            call()
    assert client.document(seen.id) == changed
    assert client.download(f"/documents/{seen.id}/file/", tmp_path / "a.md") == (tmp_path / "a.md").stat().st_size > 0
    assert client.upload_version(seen.id, new, if_match=changed.etag).outcome == "new_version"
    base = client.knowledge_base(changed.knowledge_base)
    assert client.change_knowledge_base(base.id, description="All of it", if_match=base.etag).description == "All of it"


def test_the_rest_of_the_api_is_called_by_its_paths(client: Client, version: DocumentVersion) -> None:
    rows = list(client.rows(f"/versions/{version.pk}/chunks/", limit=1))
    assert [one["text"] for one in rows] == [one.text for one in version.chunks.order_by("ordinal")]
    listed = client.call("GET", "/versions/", status="ready", limit=1)
    assert [one["id"] for one in listed["results"]] == [str(version.pk)]
    told = client.call(
        "POST", "/evaluation-sets/", {"knowledge_base": str(version.document.knowledge_base_id), "name": "Set"}
    )
    assert client.call("DELETE", f"/evaluation-sets/{told['id']}/") is None
    assert client.usage() == []
    assert {"api"} <= {one["door"] for one in client.rows("/audit-entries/")}


def test_settings_and_flags_are_changed_and_as_they_were_again(version: DocumentVersion) -> None:
    base = str(version.document.knowledge_base_id)
    client = client_of(make.api_key(version.document.tenant, Permission.READ, Permission.GRANTS))
    changed = client.set_setting("documents.ocr", True, knowledge_base=base)
    assert (changed.value, changed.source, changed.knowledge_base) == (True, "knowledge_base", base)
    seen = client.setting("documents.ocr", knowledge_base=base)
    assert seen == changed
    with pytest.raises(ChangedMeanwhileError):
        client.set_setting("documents.ocr", False, knowledge_base=base, if_match='"old"')
    client.unset_setting("documents.ocr", knowledge_base=base, if_match=seen.etag)
    assert {one.name: one.set_here for one in client.settings(knowledge_base=base)}["documents.ocr"] is None
    flag = client.set_flag("rewriting", on=False, percent=25)
    assert flag.rule is not None
    assert (flag.rule.percent, client.flag("rewriting").source) == (25, "tenant")
    client.unset_flag("rewriting")
    assert [one.rule for one in client.flags()] == [None] * len(client.flags())
    with pytest.raises(PermissionDeniedError, match="settings:manage"):
        client.set_setting("search.seconds", 5, level="installation")


def test_the_asynchronous_client_does_the_same(tmp_path: Path) -> None:
    make.embedding_model()
    key, told = make.api_key(make.tenant()), list[tuple[int, int]]()
    file = tmp_path / "harbour.txt"
    file.write_text(SENTENCE)

    async def asked() -> None:
        async with AsyncClient(HOST, key, retries=0, tokens=True, transport=AsyncViews()) as client:
            base = await client.create_knowledge_base("Handbooks")
            sent = await client.upload(base.id, file, progress=lambda *sent: told.append(sent), tags=["a"])
            with beside_the_loop():
                make.run_stages()
            (ready,) = await client.wait_until_ready(sent)
            (document,) = [one async for one in client.documents(base.id)]
            found = await client.search(QUESTION, knowledge_bases=[base.id])
            answer = await client.ask(QUESTION, knowledge_bases=[base.id])
            assert (document.current_version, found.passages[0].text, answer.citations[0].quote) == (
                ready, SENTENCE, SENTENCE,
            )  # fmt: skip
            with runs_inline():
                *_, last = [one async for one in client.ask_stream(QUESTION, knowledge_bases=[base.id])]
            assert isinstance(last, AnswerCompleted)
            assert (last.answer.answer, await client.knowledge_bases()) == (answer.answer, [base])
            seen = await client.document(document.id)
            await client.delete_document(document.id, if_match=seen.etag)
            with pytest.raises(NotFoundError):
                await client.document(document.id)

    asyncio.run(asked())
    assert told == [(len(SENTENCE), len(SENTENCE))]


def test_the_client_knows_every_end_of_a_version() -> None:
    assert set(client_module.ENDED) == set(VERSION_ENDED)


def test_an_answer_has_its_sentences_with_verdicts_and_citations_and_can_be_looked_up(
    client: Client, version: DocumentVersion
) -> None:
    answer = client.ask(QUESTION)
    (sentence,) = (one for one in answer.sentences if one.shown and SENTENCE in one.text)
    assert sentence.verdict == "supported"
    assert answer.answer[sentence.start : sentence.end] == sentence.text
    (citation,) = client.answer(answer.id).citations_of(sentence)
    assert citation.version == str(version.pk)
    assert version.parsed.text[citation.start : citation.end] == citation.quote
    assert {one.version for one in answer.passages} == {str(version.pk)}
    assert {one.name for one in (citation, *answer.passages)} == {version.document.name}
    assert (answer.degraded, answer.indexing, answer.usage) == ((), None, None)


def test_a_stream_tells_the_same_as_the_answer(client: Client) -> None:
    with runs_inline():
        created, found, *written, completed = client.ask_stream(QUESTION)
    assert isinstance(created, AnswerCreated)
    assert isinstance(found, PassagesFound)
    assert isinstance(completed, AnswerCompleted)
    answer = completed.answer
    assert answer == client.answer(created.id)
    assert "".join(one.text for one in written if isinstance(one, TextDelta)) == answer.answer
    cited = [one for one in written if isinstance(one, Cited)]
    assert [(one.citation.quote, one.citation.start) for one in cited] == [
        (one.quote, one.start) for one in answer.citations
    ]
    assert {one.verdict for one in cited} == {"supported"}
    assert SENTENCE in found.passages[0].text


def test_a_conversation_keeps_its_turns_and_what_was_thought_of_them(client: Client) -> None:
    begun = client.begin_conversation(title="Berths")
    answer = client.ask(QUESTION, conversation=begun.id)
    client.rate(answer.id, "down", comment="Too short.")
    assert client.rate(answer.id, "up").rating == "up"
    assert [(one.id, one.title, one.turn_count) for one in client.conversations()] == [(begun.id, "Berths", 1)]
    (turn,) = client.conversation(begun.id).turns
    assert turn.answer is not None
    assert (turn.turn, turn.question, turn.answer.id, turn.answer.rating) == (1, QUESTION, answer.id, "up")
    assert [one.quote for one in turn.answer.citations] == [one.quote for one in answer.citations]


def test_a_write_under_a_key_takes_effect_once(client: Client) -> None:
    once = client.create_knowledge_base("Once", idempotency_key="k")
    assert client.create_knowledge_base("Once", idempotency_key="k") == once
    assert client.create_knowledge_base("Once more") != once
    with pytest.raises(ProblemError) as refused:
        client.create_knowledge_base("Another", idempotency_key="k")
    assert (refused.value.code, refused.value.status) == ("idempotency_mismatch", 422)


def test_what_the_key_may_not_see_does_not_exist_and_what_it_may_not_do_is_said(client: Client) -> None:
    answer = client.ask(QUESTION)
    stranger = client_of(make.api_key(make.tenant()))
    assert stranger.search(QUESTION).passages == ()
    assert stranger.ask(QUESTION).found is False
    for call in (
        lambda: stranger.answer(answer.id),
        lambda: stranger.rate(answer.id, "up"),
        lambda: stranger.cancel(answer.id),
        lambda: stranger.search(QUESTION, knowledge_bases=[answer.passages[0].document]),
    ):
        with pytest.raises(ProblemError) as missing:
            call()
        assert (missing.value.code, missing.value.status) == ("not_found", 404)
    reader = client_of(make.api_key(make.tenant(), Permission.READ))
    with pytest.raises(ProblemError, match="lacks the permission 'query'"):
        list(reader.ask_stream(QUESTION))


def test_a_request_that_is_wrong_says_which_field(client: Client) -> None:
    with pytest.raises(ProblemError) as wrong:
        client.ask("", top_k=0)
    assert wrong.value.code == "invalid_input"
    assert {one.field for one in wrong.value.problem.errors} == {"question", "top_k"}
