"""The client: what an application needs of ragsite's REST API."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack
from uuid import uuid4

import httpx

from ragsite_client.errors import DocumentFailedError, WaitedTooLongError
from ragsite_client.events import AnswerEvent
from ragsite_client.line import ADDRESS, Line
from ragsite_client.options import AboutDocument, AboutDocuments, AskOptions, KnowledgeBaseSettings, QueryOptions
from ragsite_client.reading import made
from ragsite_client.streaming import answer_events
from ragsite_client.tokens import TokenAuth
from ragsite_client.types import (
    Answer,
    Conversation,
    Document,
    Feedback,
    FileResult,
    FileResults,
    KnowledgeBase,
    SearchResult,
    Upload,
    Version,
)
from ragsite_client.uploading import File, Progress, form_fields, opened, parts

TIMEOUT_SECONDS = 60.0
READY_SECONDS = 300.0
POLL_SECONDS = 0.25
READY, ENDED = "ready", ("ready", "failed", "cancelled")
Listed = TypeVar("Listed")


class Client:
    """Calls one ragsite with one API key. May be used by several threads; close it, or use it as a context manager.

    `timeout` is in seconds, for each step of a request. What is safe to repeat is tried up to `retries` times more when no
    answer comes, and so is all that the server asks to send again later. Writes carry an idempotency key, so that repeating
    them is safe. With `tokens` the key is exchanged for short-lived ones, which are renewed before they end. Every method
    may raise `ProblemError` and `ConnectionFailedError`.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float = TIMEOUT_SECONDS,
        retries: int = 2,
        tokens: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        auth = TokenAuth(api_key) if tokens else None
        self._line = Line(base_url, api_key, timeout=timeout, retries=retries, transport=transport, auth=auth)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._line.close()

    def knowledge_bases(self) -> list[KnowledgeBase]:
        """All that the key may see."""
        return list(self._listed(KnowledgeBase, "/knowledge-bases/"))

    def create_knowledge_base(
        self, name: str, *, description: str = "", idempotency_key: str = "", **settings: Unpack[KnowledgeBaseSettings]
    ) -> KnowledgeBase:
        """A new one, in which everybody of the tenant may search unless its `visibility` is `restricted`."""
        body = {"name": name, "description": description} | settings
        return made(KnowledgeBase, self._line.put("POST", "/knowledge-bases/", body, key=_key(idempotency_key)))

    def delete_knowledge_base(self, knowledge_base: str) -> None:
        """It is out of every search at once, with its documents."""
        self._line.delete(f"/knowledge-bases/{knowledge_base}/")

    def documents(self, knowledge_base: str) -> Iterator[Document]:
        """Those of a knowledge base, asked for page by page as you go through them."""
        return self._listed(Document, f"/documents/?{httpx.QueryParams(knowledge_base=knowledge_base)}")

    def document(self, document_id: str) -> Document:
        """One, as it is now."""
        return made(Document, self._line.get(f"/documents/{document_id}/"))

    def delete_document(self, document_id: str) -> None:
        """It is out of every search at once, with all its versions."""
        self._line.delete(f"/documents/{document_id}/")

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

        `progress` is told how many bytes were sent, and of how many.
        """
        fields = form_fields(knowledge_base, about)
        with opened([file]) as files:
            reply = self._line.form(
                "/documents/", fields, lambda: parts("file", files, progress), key=_key(idempotency_key)
            )
        return made(Upload, reply)

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
        fields = form_fields(knowledge_base, about)
        with opened(files) as sent:
            reply = self._line.form(
                "/documents/bulk/", fields, lambda: parts("files", sent, progress), key=_key(idempotency_key)
            )
        return list(made(FileResults, reply).results)

    def version(self, version_id: str) -> Version:
        """How far it has got."""
        return made(Version, self._line.get(f"/versions/{version_id}/"))

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
                time.sleep(POLL_SECONDS)

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
        return made(SearchResult, self._line.put("POST", "/search", body))

    def ask(self, question: str, *, knowledge_bases: Sequence[str] = (), **options: Unpack[AskOptions]) -> Answer:
        """An answer with the spans it rests on."""
        body = {"question": question} | _where(knowledge_bases) | options
        return made(Answer, self._line.put("POST", "/ask", body))

    def ask_stream(
        self,
        question: str,
        *,
        knowledge_bases: Sequence[str] = (),
        background: bool = False,
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
        return answer_events(self._line, about | _where(knowledge_bases) | options, resumes=background)

    def answer(self, answer_id: str) -> Answer:
        """An answer as it was given, for the key that asked, as long as it may read what is quoted."""
        return made(Answer, self._line.get(f"/answers/{answer_id}"))

    def cancel(self, answer_id: str) -> None:
        """End the making of a streamed answer."""
        self._line.put("POST", f"/answers/{answer_id}/cancel", {})

    def rate(
        self, answer_id: str, rating: Literal["up", "down"], *, comment: str = "", idempotency_key: str = ""
    ) -> Feedback:
        """Say what you think of an answer; replaces what was said before."""
        body = {"rating": rating, "comment": comment}
        return made(Feedback, self._line.put("PUT", f"/answers/{answer_id}/feedback", body, key=_key(idempotency_key)))

    def conversations(self) -> list[Conversation]:
        """Those that the key began, without their turns, the one that was asked in last first."""
        return list(self._listed(Conversation, "/conversations/"))

    def begin_conversation(
        self, *, title: str = "", knowledge_bases: Sequence[str] = (), idempotency_key: str = ""
    ) -> Conversation:
        """Ask in it with `ask(question, conversation=its id)`."""
        body = {"title": title, "knowledge_bases": list(knowledge_bases)}
        return made(Conversation, self._line.put("POST", "/conversations/", body, key=_key(idempotency_key)))

    def conversation(self, conversation_id: str) -> Conversation:
        """One with its turns."""
        return made(Conversation, self._line.get(f"/conversations/{conversation_id}/"))

    def _listed(self, kind: type[Listed], path: str) -> Iterator[Listed]:
        page = self._line.get(path)
        yield from (made(kind, one) for one in page["results"])
        while page["next"]:
            page = self._line.get(httpx.URL(page["next"]).raw_path.decode().partition(ADDRESS)[2])
            yield from (made(kind, one) for one in page["results"])


def _key(given: str) -> str:
    return given or str(uuid4())


def _where(knowledge_bases: Sequence[str]) -> dict[str, Any]:
    return {"knowledge_bases": list(knowledge_bases)} if knowledge_bases else {}


def _ready(version: Version) -> Version:
    if version.status != READY:
        raise DocumentFailedError(version)
    return version
