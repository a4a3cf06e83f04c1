"""Answers over HTTP from one web process, each beside what it is compared with, in turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle, islice
from statistics import median
from typing import Any
from uuid import UUID

import httpx

from apps.models.gateway import Deadline, Purpose, TextRole, embed, generate
from apps.models.generation import GenerationOptions, Message
from apps.models.installed_model import InstalledModel
from apps.models.selectors import embedding_model_default, writer_default
from apps.retrieval.answers.language import messages_for, tellings
from apps.retrieval.answers.materials import material_of
from apps.retrieval.answers.options import AnswerOptions
from benchmarks.answers.bases import PATIENCE_SECONDS, Base
from benchmarks.answers.events import events_of, fault_of
from benchmarks.answers.spans import Cited, Spans
from benchmarks.place import say
from ragsite.stack.system import System

TURNS, WARMING = 200, 20
MODEL_TURNS, MODEL_PASSAGES, MODEL_TOKENS = 24, 3, 32
Figures = dict[str, Any]


class Door:
    """A client of the system with one key, and questions of which each is asked as rarely as there are questions."""

    def __init__(self, running: System, base: Base, questions: Sequence[str], spans: Spans) -> None:
        self._running, self._base, self._questions, self._spans = running, base, questions, spans
        self._asking: dict[str, Any] = {
            "base_url": f"{running.url}/api/v1",
            "headers": {"Authorization": f"Bearer {running.manage('apikey', 'answers').strip()}"},
            "timeout": PATIENCE_SECONDS,
        }
        self._http = httpx.Client(**self._asking)

    def first_event(self) -> Figures:
        """How soon a stream begins, beside a search for the same."""
        searches, begun = [], []
        for text in islice(cycle(self._questions), WARMING + TURNS):
            searches.append(self._seconds("/search", query=text))
            begun.append(self._begun(text))
        return _compared("first_event_vs_search_p50", begun[WARMING:], searches[WARMING:])

    def _begun(self, text: str) -> float:
        began = time.perf_counter()
        with self._http.stream("POST", "/ask", json=self._body(question=text, stream=True, cache=False)) as answer:
            answer.raise_for_status()
            events = events_of(answer.iter_lines())
            next(events)
            seconds = time.perf_counter() - began
            list(events)
        return seconds

    def streams(self, number: int) -> Figures:
        """The faults of so many streams at once."""
        faults, answers = zip(*asyncio.run(self._together(list(islice(cycle(self._questions), number)))), strict=True)
        for answer in filter(None, answers):
            self._cite(answer)
        for one in [fault for fault in faults if fault][:3]:
            say(f"a stream: {one}")
        return {"stream_errors": sum(map(bool, faults)), "streams": len(faults)}

    async def _together(self, questions: Sequence[str]) -> list[tuple[str, Figures]]:
        limits = httpx.Limits(max_connections=len(questions))
        async with httpx.AsyncClient(**self._asking, limits=limits) as client:
            return list(await asyncio.gather(*(self._streamed(client, text) for text in questions)))

    async def _streamed(self, client: httpx.AsyncClient, text: str) -> tuple[str, Figures]:
        """What is wrong with one stream, and its answer, where nothing is."""
        try:
            async with client.stream(
                "POST", "/ask", json=self._body(question=text, stream=True, cache=False)
            ) as answer:
                if answer.is_error:
                    return f"status {answer.status_code}", {}
                events = list(events_of([line async for line in answer.aiter_lines()]))
        except httpx.HTTPError as error:
            return repr(error), {}
        fault = fault_of(events)
        return fault, {} if fault else events[-1].data

    def _cite(self, answer: Figures) -> None:
        self._spans.add(
            Cited(UUID(one["version"]), one["start"], one["end"], one["quote"]) for one in answer["citations"]
        )

    def cache(self) -> Figures:
        """An answer that was given before, beside a document's record; None where the answer does not come from a cache."""
        text = self._questions[0]
        first, again = (self._post("/ask", question=text).json() for _ in range(2))
        if not again.get("cached"):
            say("cache: the second answer to a question does not say that it is `cached`")
            return {"cache_hit_vs_get_p50": None}
        document = f"/documents/{first['passages'][0]['document']}/"
        hits, gets = [], []
        for _ in range(WARMING + TURNS):
            hits.append(self._seconds("/ask", question=text))
            began = time.perf_counter()
            self._http.get(document).raise_for_status()
            gets.append(time.perf_counter() - began)
        return _compared("cache_hit_vs_get_p50", hits[WARMING:], gets[WARMING:])

    def model(self) -> Figures:
        """An answer by SmolLM2 beside its two model calls, which another client of the same worker makes.

        A question's two sides are half a round apart, so that none finds its own prompt in a slot.
        """
        say(self._running.manage("models", "register", "smollm2").strip())
        texts = list(islice(cycle(self._questions), MODEL_TURNS))
        prompts = [self._messages(text) for text in texts]
        _called(texts[0], prompts[0])
        asked, alone, by_model = [], [], 0
        for turn, text in enumerate(texts):
            began = time.perf_counter()
            answer = self._post(
                "/ask", question=text, top_k=MODEL_PASSAGES, max_tokens=MODEL_TOKENS, cache=False
            ).json()
            asked.append(time.perf_counter() - began)
            by_model += answer["generator"] == "language_model"
            self._cite(answer)
            other = (turn + MODEL_TURNS // 2) % MODEL_TURNS
            alone.append(_called(texts[other], prompts[other]))
        figures = _compared("ask_vs_model_time_p50", asked, alone)
        return figures | {"answered_by_model": round(by_model / len(texts), 3)}

    def _messages(self, text: str) -> tuple[Message, ...]:
        found = self._base.search(text, top_k=MODEL_PASSAGES)
        writer, options = _writer(), AnswerOptions(max_tokens=MODEL_TOKENS)
        told = next(tellings(material_of(found, for_writers=True), model=writer, options=options))
        return messages_for(text, told, options=options)

    def _body(self, **about: Any) -> dict[str, Any]:
        return {"knowledge_bases": [self._base.id], **about}

    def _post(self, path: str, **about: Any) -> httpx.Response:
        return self._http.post(path, json=self._body(**about)).raise_for_status()

    def _seconds(self, path: str, **about: Any) -> float:
        began = time.perf_counter()
        self._post(path, **about)
        return time.perf_counter() - began


def _called(text: str, messages: Sequence[Message]) -> float:
    """Seconds of both model calls of an answer."""
    deadline = Deadline.after(PATIENCE_SECONDS)
    embedding, writer = embedding_model_default(), _writer()
    began = time.perf_counter()
    embed([text], role=TextRole.QUERY, model=embedding, purpose=Purpose.QUERY, deadline=deadline)
    options = GenerationOptions(max_tokens=MODEL_TOKENS)
    list(generate(messages, model=writer, purpose=Purpose.ANSWER, deadline=deadline, options=options))
    return time.perf_counter() - began


def _writer() -> InstalledModel:
    writer = writer_default()
    if writer is None:
        raise AssertionError("No language model is registered.")
    return writer


def _compared(name: str, these: Sequence[float], those: Sequence[float]) -> Figures:
    """The ratio of medians."""
    say(f"{name}: {median(these) * 1e3:.1f} ms against {median(those) * 1e3:.1f} ms")
    return {name: median(these) / median(those)}
