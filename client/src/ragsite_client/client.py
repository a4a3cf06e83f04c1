# Made from aio/client.py by `make client`: change that one.
"""The client: what an application needs of ragsite's REST API."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack

import httpx

from ragsite_client.calls import ADDRESS, Call, Verify, key_or_new
from ragsite_client.errors import DocumentFailedError, WaitedTooLongError
from ragsite_client.events import AnswerEvent
from ragsite_client.line import Line
from ragsite_client.options import (
    AboutDocument,
    AboutDocuments,
    AskOptions,
    DocumentChanges,
    KnowledgeBaseChanges,
    KnowledgeBaseSettings,
    QueryOptions,
)
from ragsite_client.reading import made
from ragsite_client.settings import SettingCalls
from ragsite_client.streaming import answer_events
from ragsite_client.types import (
    Answer,
    Conversation,
    Document,
    Feedback,
    FileResult,
    FileResults,
    KnowledgeBase,
    Limit,
    Limits,
    SearchResult,
    Upload,
    Version,
)
from ragsite_client.uploading import File, Progress, form_fields, opened, parts
from ragsite_client.waiting import sleep
from ragsite_client.webhooks import Webhooks

TIMEOUT_SECONDS = 60.0
READY_SECONDS = 300.0
POLL_SECONDS = 0.25
READY, ENDED = "ready", ("ready", "failed", "cancelled")
WRITES = frozenset({"POST", "PUT", "PATCH"})
Listed = TypeVar("Listed")


class Client(SettingCalls):
    """Calls one ragsite with one API key. May be used by several threads or tasks; close it, or use it as a context manager.

    `timeout` is in seconds, for each step of a request. What is safe to repeat is tried up to `retries` times more when no
    answer comes, and so is all that the server asks to send again within 30 s. Writes and questions carry an idempotency key, so
    that repeating them is safe. With `tokens` the key is exchanged for short-lived ones, which are renewed before they end.
    `verify` says how the server's certificate is checked, such as by a file of authorities. Every method may raise `ProblemError`
    and `ConnectionFailedError`.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float = TIMEOUT_SECONDS,
        retries: int = 2,
        tokens: bool = False,
        verify: Verify = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._line = Line(
            base_url, api_key, timeout=timeout, retries=retries, tokens=tokens, verify=verify, transport=transport
        )
        self.webhooks = Webhooks(self._line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._line.close()

    def call(
        self,
        method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        if_match: str = "",
        idempotency_key: str = "",
        **parameters: Any,
    ) -> Any:
        """Any operation of docs/api.md, by its path below `/api/v1`; its JSON, or None. `parameters` go into the query."""
        key = key_or_new(idempotency_key) if method in WRITES else ""
        call = Call(method=method, path=path, parameters=parameters, body=body, key=key, if_match=if_match)
        return self._line.send(call).body

    def rows(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All rows of any list, asked for page by page as you go through them: what comes or goes meanwhile moves none."""
        page = self._line.get(path, cursor="first", **parameters).body
        while True:
            yield from page["results"]
            if not page["next"]:
                return
            page = self._line.get(httpx.URL(page["next"]).raw_path.decode().partition(ADDRESS)[2]).body

    def download(self, path: str, to: str | Path) -> int:
        """Write what such as `/documents/{id}/file/` answers to a file, without holding it in memory; the number of its bytes."""
        with Path(to).open("wb") as file:
            return self._line.download(path, file)

    def knowledge_bases(self) -> list[KnowledgeBase]:
        """All that the key may see."""
        return list(self._listed(KnowledgeBase, "/knowledge-bases/"))

    def knowledge_base(self, knowledge_base: str) -> KnowledgeBase:
        """One, with its `etag`."""
        return self._line.get(f"/knowledge-bases/{knowledge_base}/").made(KnowledgeBase)

    def create_knowledge_base(
        self, name: str, *, description: str = "", idempotency_key: str = "", **settings: Unpack[KnowledgeBaseSettings]
    ) -> KnowledgeBase:
        """A new one, in which everybody of the tenant may search unless its `visibility` is `restricted`."""
        body = {"name": name, "description": description} | settings
        return self._write(KnowledgeBase, "POST", "/knowledge-bases/", body, key=idempotency_key)

    def change_knowledge_base(
        self,
        knowledge_base: str,
        *,
        if_match: str = "",
        idempotency_key: str = "",
        **changes: Unpack[KnowledgeBaseChanges],
    ) -> KnowledgeBase:
        """With `if_match`, an `etag` that was read, only if it is still as it was then; else `ChangedMeanwhileError`."""
        path = f"/knowledge-bases/{knowledge_base}/"
        return self._write(KnowledgeBase, "PATCH", path, changes, key=idempotency_key, if_match=if_match)

    def delete_knowledge_base(self, knowledge_base: str, *, if_match: str = "") -> None:
        """It is out of every search at once, with its documents."""
        self._delete(f"/knowledge-bases/{knowledge_base}/", if_match)

    def documents(self, knowledge_base: str) -> Iterator[Document]:
        """Those of a knowledge base, asked for page by page as you go through them."""
        return self._listed(Document, "/documents/", knowledge_base=knowledge_base)

    def document(self, document_id: str) -> Document:
        """One, as it is now, with its `etag`."""
        return self._line.get(f"/documents/{document_id}/").made(Document)

    def change_document(
        self, document_id: str, *, if_match: str = "", idempotency_key: str = "", **changes: Unpack[DocumentChanges]
    ) -> Document:
        """With `if_match`, an `etag` that was read, only if it is still as it was then; else `ChangedMeanwhileError`."""
        path = f"/documents/{document_id}/"
        return self._write(Document, "PATCH", path, changes, key=idempotency_key, if_match=if_match)

    def delete_document(self, document_id: str, *, if_match: str = "") -> None:
        """It is out of every search at once, with all its versions."""
        self._delete(f"/documents/{document_id}/", if_match)

    def upload(
        self,
        knowledge_base: str,
        file: File,
        *,
        progress: Progress | None = None,
        idempotency_key: str = "",
        **about: Unpack[AboutDocument],
    ) -> Upload:
        """Send a file, by its path or as a name and bytes. It is searched once its version is ready: see `wait_until_ready`.

        `progress` is told how many bytes were sent, and of how many. A file is read as it is sent, and not held in memory.
        """
        call = _form("POST", "/documents/", idempotency_key, form_fields(knowledge_base, about))
        return self._sent(Upload, call, "file", [file], progress)

    def upload_version(
        self,
        document_id: str,
        file: File,
        *,
        if_match: str = "",
        progress: Progress | None = None,
        idempotency_key: str = "",
    ) -> Upload:
        """Send new bytes of a document, `if_match` as of `change_document`; its version keeps answering until they are ready."""
        call = _form("PUT", f"/documents/{document_id}/", idempotency_key, if_match=if_match)
        return self._sent(Upload, call, "file", [file], progress)

    def upload_many(
        self,
        knowledge_base: str,
        files: Sequence[File],
        *,
        progress: Progress | None = None,
        idempotency_key: str = "",
        **about: Unpack[AboutDocuments],
    ) -> list[FileResult]:
        """Send up to 100 files in one request. Each is accepted, or has an `error`; of a ZIP each member has a result."""
        call = _form("POST", "/documents/bulk/", idempotency_key, form_fields(knowledge_base, about))
        return list(self._sent(FileResults, call, "files", files, progress).results)

    def version(self, version_id: str) -> Version:
        """How far it has got."""
        return self._line.get(f"/versions/{version_id}/").made(Version)

    def as_ended(self, versions: Iterable[str | Upload], *, seconds: float = READY_SECONDS) -> Iterator[Version]:
        """The versions, each as it becomes `ready`, `failed` or `cancelled`.

        Raises:
            WaitedTooLongError: some are still under way after `seconds`.
        """
        waiting = [one.version.id if isinstance(one, Upload) else one for one in versions]
        deadline = time.monotonic() + seconds
        while waiting:
            for version in [self.version(one) for one in waiting]:
                if version.status in ENDED:
                    waiting.remove(version.id)
                    yield version
            if waiting and time.monotonic() > deadline:
                raise WaitedTooLongError(f"{len(waiting)} documents were not ready within {seconds:.0f} s.")
            if waiting:
                sleep(POLL_SECONDS)

    def as_ready(self, versions: Iterable[str | Upload], *, seconds: float = READY_SECONDS) -> Iterator[Version]:
        """The versions, each as it becomes ready.

        Raises:
            DocumentFailedError: one ended otherwise; the others go on.
            WaitedTooLongError: some are still under way after `seconds`.
        """
        for version in self.as_ended(versions, seconds=seconds):
            yield _ready(version)

    def wait_until_ready(self, *versions: str | Upload, seconds: float = READY_SECONDS) -> list[Version]:
        """Wait for versions; errors as of `as_ready`."""
        return list(self.as_ready(versions, seconds=seconds))

    def search(
        self, query: str, *, knowledge_bases: Sequence[str] = (), **options: Unpack[QueryOptions]
    ) -> SearchResult:
        """The passages that answer the query best, in the named knowledge bases or in all that the key may see."""
        body = {"query": query} | _where(knowledge_bases) | options
        call = Call(method="POST", path="/search", body=body, changes_nothing=True)
        return self._line.send(call).made(SearchResult)

    def ask(
        self,
        question: str,
        *,
        knowledge_bases: Sequence[str] = (),
        idempotency_key: str = "",
        **options: Unpack[AskOptions],
    ) -> Answer:
        """An answer with the spans it rests on."""
        body = {"question": question} | _where(knowledge_bases) | options
        return self._write(Answer, "POST", "/ask", body, key=idempotency_key)

    def ask_stream(
        self,
        question: str,
        *,
        knowledge_bases: Sequence[str] = (),
        background: bool = False,
        idempotency_key: str = "",
        **options: Unpack[AskOptions],
    ) -> Generator[AnswerEvent, None, None]:
        """The events of an answer while it is made; the last one is `AnswerCompleted`.

        Closing the iterator cancels the answer. With `background` it is made to its end in any case, and a line that breaks is
        taken up again where it was.

        Raises:
            ConnectionFailedError: the line broke, and could not be taken up again.
            ProblemError: the question was refused, or its answer failed.
        """
        about = {"question": question, "stream": True, "background": background}
        body = about | _where(knowledge_bases) | options
        return answer_events(self._line, body, key=key_or_new(idempotency_key), resumes=background)

    def answer(self, answer_id: str) -> Answer:
        """An answer as it was given, for the key that asked, as long as it may read what is quoted."""
        return self._line.get(f"/answers/{answer_id}").made(Answer)

    def cancel(self, answer_id: str) -> None:
        """End the making of a streamed answer."""
        self._line.send(Call(method="POST", path=f"/answers/{answer_id}/cancel", body={}))

    def rate(
        self,
        answer_id: str,
        rating: Literal["up", "down"],
        *,
        comment: str = "",
        if_match: str = "",
        idempotency_key: str = "",
    ) -> Feedback:
        """Say what you think of an answer; replaces what was said before."""
        body, path = {"rating": rating, "comment": comment}, f"/answers/{answer_id}/feedback"
        return self._write(Feedback, "PUT", path, body, key=idempotency_key, if_match=if_match)

    def conversations(self) -> list[Conversation]:
        """Those that the key began, without their turns, the one that was asked in last first."""
        return list(self._listed(Conversation, "/conversations/"))

    def begin_conversation(
        self, *, title: str = "", knowledge_bases: Sequence[str] = (), idempotency_key: str = ""
    ) -> Conversation:
        """Ask in it with `ask(question, conversation=its id)`."""
        body = {"title": title, "knowledge_bases": list(knowledge_bases)}
        return self._write(Conversation, "POST", "/conversations/", body, key=idempotency_key)

    def conversation(self, conversation_id: str) -> Conversation:
        """One with its turns."""
        return self._line.get(f"/conversations/{conversation_id}/").made(Conversation)

    def usage(self) -> list[Limit]:
        """The limits of the key, and those of its tenant if it may manage grants, with what is left of them."""
        return list(self._line.get("/usage/").made(Limits).limits)

    def _write(
        self,
        kind: type[Listed],
        method: str,
        path: str,
        body: Mapping[str, Any],
        *,
        key: str,
        if_match: str = "",
    ) -> Listed:
        call = Call(method=method, path=path, body=body, key=key_or_new(key), if_match=if_match)
        return self._line.send(call).made(kind)

    def _delete(self, path: str, if_match: str) -> None:
        """Not sent twice where the first may have arrived: it could be gone by that."""
        self._line.send(Call(method="DELETE", path=path, if_match=if_match))

    def _sent(
        self, kind: type[Listed], form: Call, field: str, files: Sequence[File], progress: Progress | None
    ) -> Listed:
        with opened(files) as sent:
            call = replace(form, files=lambda: parts(field, sent, progress))
            return self._line.send(call).made(kind)

    def _listed(self, kind: type[Listed], path: str, **parameters: Any) -> Iterator[Listed]:
        for row in self.rows(path, **parameters):
            yield made(kind, row)


def _form(method: str, path: str, key: str, fields: Mapping[str, str] | None = None, *, if_match: str = "") -> Call:
    return Call(method=method, path=path, key=key_or_new(key), fields=fields, if_match=if_match)


def _where(knowledge_bases: Sequence[str]) -> dict[str, Any]:
    return {"knowledge_bases": list(knowledge_bases)} if knowledge_bases else {}


def _ready(version: Version) -> Version:
    if version.status != READY:
        raise DocumentFailedError(version)
    return version
