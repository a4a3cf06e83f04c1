"""What people and programs send while something is broken, and what each was told."""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx

from tests.faults.stand import Stand
from tests.flows.texts import WORDS

RATE = float(os.environ.get("FAULT_RATE", "1"))
"""What share of the load is sent, where a machine has other things to do."""

PAUSE_SECONDS = 0.2
GIVE_UP_SECONDS = 90.0
LOST = "no answer"
REFUSALS = ("database_", "idempotency_conflict")


@dataclass(frozen=True, slots=True)
class Answer:
    """When it was asked for, on the monotonic clock, how long it took, and `ok`, the code of a problem, or `no answer`."""

    at: float
    seconds: float
    outcome: str
    says_when: bool = True


@dataclass(slots=True)
class Told:
    """What senders were told: the versions that were accepted, by the document's external id, and each single answer."""

    accepted: dict[str, str] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)

    def outcomes(self) -> dict[str, int]:
        return dict(Counter(one.outcome for one in self.answers))

    def is_in_words(self) -> bool:
        """Whether all was answered, well or with a refusal that says when to come back: of the database, or of a key whose first
        request was cut off a moment ago.
        """
        return all(one.outcome == "ok" or (one.outcome.startswith(REFUSALS) and one.says_when) for one in self.answers)

    def longest(self) -> float:
        """Seconds of the slowest answer."""
        return round(max((one.seconds for one in self.answers), default=0.0), 2)

    def p(self, share: int, *, since: float = 0.0, until: float = float("inf")) -> float:
        """Milliseconds that this percentage of what was asked in between stayed within."""
        times = sorted(one.seconds for one in self.answers if since <= one.at < until)
        return round(times[min(len(times) - 1, len(times) * share // 100)] * 1000) if times else 0.0

    def longest_trouble(self) -> float:
        """Seconds from the first answer that was none of the wanted to the end of the next that was, at most."""
        begun, most = None, 0.0
        for one in sorted(self.answers, key=lambda one: one.at + one.seconds):
            if one.outcome != "ok":
                begun = begun if begun is not None else one.at
            elif begun is not None:
                most, begun = max(most, one.at + one.seconds - begun), None
        return round(most, 1)


class Sending(ABC):
    """Requests at a rate from threads of their own, for as long as the block runs. A subclass says what is sent."""

    def __init__(self, stand: Stand, base: str, *, per_second: float, senders: int = 4) -> None:
        self.stand, self.base, self.told = stand, base, Told()
        self._every, self._numbers, self._lock = 1 / (per_second * RATE), itertools.count(), threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, name="sending", daemon=True) for _ in range(senders)]

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(GIVE_UP_SECONDS + 60)

    @abstractmethod
    def send(self, client: httpx.Client, number: int) -> None:
        """The request of this number, with whatever its sender does about a refusal."""

    def note(self, client: httpx.Client, request: httpx.Request) -> httpx.Response | None:
        """Send a request and note what was answered; None where nothing was."""
        at = time.monotonic()
        try:
            response = client.send(request)
        except httpx.TransportError:
            self.told.answers.append(Answer(at, time.monotonic() - at, LOST))
            return None
        outcome = "ok" if response.is_success else _code(response)
        says_when = response.status_code not in (409, 429, 503) or "retry-after" in response.headers
        self.told.answers.append(Answer(at, time.monotonic() - at, outcome, says_when))
        return response

    def _work(self) -> None:
        headers = {"Authorization": f"Bearer {self.stand.key}"}
        with httpx.Client(base_url=self.stand.running.url, headers=headers, timeout=30) as client:
            for number in self._due():
                self.send(client, number)

    def _due(self) -> Iterator[int]:
        """Numbers, each when it is due; those that are late come without a pause."""
        while not self._stop.is_set():
            with self._lock:
                number = next(self._numbers)
            if self._stop.wait(max(0.0, self._began + number * self._every - time.monotonic())):
                return
            yield number


class Uploads(Sending):
    """Small documents, each sent under its idempotency key until it is taken."""

    def send(self, client: httpx.Client, number: int) -> None:
        name, until = f"report-{number}", time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < until:
            response = self.note(client, self._request(client, name))
            if response is not None and response.is_success:
                self.told.accepted[name] = response.json()["version"]["id"]
                return
            time.sleep(PAUSE_SECONDS)
        self.told.given_up.append(name)

    def _request(self, client: httpx.Client, name: str) -> httpx.Request:
        chance = random.Random(f"{self.base}{name}")
        entries = [f"Entry {n} of {name} in {self.base}: {' '.join(chance.choices(WORDS, k=9))}." for n in range(3)]
        return client.build_request(
            "POST",
            "/api/v1/documents/",
            data={"knowledge_base": self.base, "external_id": name},
            files={"file": (f"{name}.md", f"# {name}\n\n" + "\n\n".join(entries), "text/markdown")},
            headers={"Idempotency-Key": f"{self.base}-{name}"},
        )


class Searches(Sending):
    """Searches, none of which is tried again. `degraded` counts those that went without a model."""

    mode = "hybrid"
    degraded = 0

    def send(self, client: httpx.Client, number: int) -> None:
        query = f"What does entry {number % 3} say of the {WORDS[number % len(WORDS)]}?"
        body = {"query": query, "knowledge_bases": [self.base], "mode": self.mode}
        response = self.note(client, client.build_request("POST", "/api/v1/search", json=body))
        if response is not None and response.is_success and response.json()["degraded"]:
            self.degraded += 1


def _code(response: httpx.Response) -> str:
    try:
        return str(response.json()["code"])
    except (ValueError, KeyError):
        return f"status {response.status_code}"
