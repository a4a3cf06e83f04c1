"""A client of the REST API, as small as the demonstration and the benchmarks need."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from ragsite.core.errors import ServiceUnavailableError

POLL_SECONDS = 0.25
VERSION_ENDED = ("ready", "failed", "cancelled")


class Client:
    """Calls one ragsite over HTTP with one API key."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=httpx.Timeout(60)
        )

    def knowledge_base(self, name: str, **about: Any) -> str:
        """Make a knowledge base, `about` which more may be said; its id."""
        return str(self._json(self._http.post("/knowledge-bases/", json={"name": name, **about}))["id"])

    def upload(self, knowledge_base: str, path: Path) -> dict[str, Any]:
        """Upload a file; the version to watch."""
        with path.open("rb") as file:
            response = self._http.post(
                "/documents/", data={"knowledge_base": knowledge_base}, files={"file": (path.name, file)}
            )
        version: dict[str, Any] = self._json(response)["version"]
        return version

    def upload_many(self, knowledge_base: str, files: Sequence[tuple[str, bytes]]) -> list[str]:
        """Upload files, each a name and its bytes, in one request; the outcome of each.

        Raises:
            ServiceUnavailableError: one was refused.
        """
        response = self._http.post(
            "/documents/bulk/",
            data={"knowledge_base": knowledge_base},
            files=[("files", (name, content)) for name, content in files],
        )
        results = self._json(response)["results"]
        for refused in (result for result in results if result["error"]):
            raise ServiceUnavailableError(f"{refused['filename']}: {refused['error']['detail']}")
        return [str(result["outcome"]) for result in results]

    def version(self, version_id: str) -> dict[str, Any]:
        """The progress of a version."""
        return self._json(self._http.get(f"/versions/{version_id}/"))

    def ask(self, question: str, knowledge_base: str) -> dict[str, Any]:
        """Ask a question of one knowledge base."""
        return self._json(self._http.post("/ask", json={"question": question, "knowledge_bases": [knowledge_base]}))

    def wait(self, version_ids: list[str], *, seconds: float) -> Iterator[dict[str, Any]]:
        """The versions, each as it ends.

        Raises:
            ServiceUnavailableError: some are still under way after `seconds`.
        """
        open_ids, deadline = list(version_ids), time.monotonic() + seconds
        while open_ids:
            for version_id in list(open_ids):
                version = self.version(version_id)
                if version["status"] in VERSION_ENDED:
                    open_ids.remove(version_id)
                    yield version
            if open_ids and time.monotonic() > deadline:
                raise ServiceUnavailableError(f"{len(open_ids)} versions did not end within {seconds:.0f} s.")
            time.sleep(POLL_SECONDS)

    @staticmethod
    def _json(response: httpx.Response) -> dict[str, Any]:
        if response.is_error:
            problem = response.json()
            raise ServiceUnavailableError(f"{response.request.method} {response.request.url.path}: {problem['detail']}")
        body: dict[str, Any] = response.json()
        return body
