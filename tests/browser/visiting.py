"""A visit of the site with a real browser that watches for trouble."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Page, Request, Response

TIMEOUT_MILLISECONDS = 20_000


@dataclass
class Visit:
    """A page of a real browser, and all that went wrong on it. Without slots: Playwright keeps its handlers on it."""

    page: Page
    home: str
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(TIMEOUT_MILLISECONDS)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.troubles.append(f"{self.page.url}: {error}"))
        self.page.on("request", self._request)
        self.page.on("response", self._response)

    def open(self, path: str) -> None:
        """Go there, until the page and all that it names has loaded."""
        self.page.goto(self.home + path)

    def settle(self) -> None:
        """Wait for what scripts still ask for. It takes half a second of silence, so not on every page."""
        self.page.wait_for_load_state("networkidle")

    @contextmanager
    def expected(self, status: int) -> Iterator[None]:
        """Within the block one page of that status is no trouble, and there must be one."""
        before, self.troubles = self.troubles, []
        yield
        refused = [one for one in self.troubles if one.endswith(f": {status}") or f"status of {status}" in one]
        assert refused, f"no page answered {status}"
        self.troubles = before + [one for one in self.troubles if one not in refused]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.troubles.append(f"{self.page.url}: {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.troubles.append(f"{self.page.url} asked another host: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.troubles.append(f"{response.url}: {response.status}")
