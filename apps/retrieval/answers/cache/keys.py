"""Under what an answer is kept: a digest of all that it depends on. Whatever is not named here must not change an answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.documents.rights.access import AccessScope
from apps.models.installed_model import InstalledModel, ModelKind
from apps.models.selectors import model_named, reader_default, reranker_default, writer_in_use
from apps.retrieval.answers.cache.state import FindableState
from apps.retrieval.answers.options import AnswerOptions
from apps.retrieval.answers.prompting import answer_prompt
from apps.retrieval.search.request import SearchRequest
from ragsite.core.configuration import GenerationSettings

CODE = ("apps/retrieval", "apps/models/gateway", "apps/documents/sentences", "templates/prompts")
WRITTEN_IN = (".py", ".json", ".txt")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked and what of the documents it is asked of, whoever answers."""

    request: SearchRequest
    options: AnswerOptions
    scope: AccessScope
    state: FindableState


@dataclass(frozen=True, slots=True)
class Answering:
    """What would answer now: models by their versions, the setting that chooses among them, prompt and code."""

    writer: tuple[str, ...]
    reranker: tuple[str, ...]
    reader: tuple[str, ...]
    generator: str
    slot_tokens: int
    prompt: tuple[str, str]
    code: str


def answering_now(request: SearchRequest, options: AnswerOptions) -> Answering:
    """Raises ModelNotFoundError: there is no language model of the name that was asked for."""
    how, prompt = GenerationSettings.current(), answer_prompt()
    return Answering(
        writer=_model(model_named(options.model, kind=ModelKind.GENERATION) if options.model else writer_in_use()),
        reranker=_model(reranker_default() if request.rerank else None),
        reader=_model(reader_default()),
        generator=how.generator,
        slot_tokens=how.slot_tokens,
        prompt=(prompt.version, prompt.text),
        code=code_digest(),
    )


def stand_in_key(wanted: Wanted) -> str:
    """Of the last answer that a language model wrote, whichever that was."""
    return _digest({"stand-in": True, **_wanted(wanted)})


def answer_key(wanted: Wanted, answering: Answering) -> str:
    """Of the answer for everybody who may see the same."""
    return _digest({**_wanted(wanted), "answering": asdict(answering)})


def own_key(key: str, *, asker: str, question: str) -> str:
    """Of that answer as this caller was given it, to the question in these very words."""
    return _digest({"answer": key, "asker": asker, "question": question})


def _wanted(wanted: Wanted) -> dict[str, Any]:
    scope, state = wanted.scope, wanted.state
    return {
        "request": asdict(replace(wanted.request, text=" ".join(wanted.request.text.split()))),
        "options": asdict(wanted.options),
        "tenant": scope.tenant_id,
        "whole": scope.knowledge_base_ids,
        "partly": scope.partly_readable_ids,
        "subjects": asdict(scope.subjects) if state.grants_matter else None,
        "mark": state.mark,
    }


def _model(model: InstalledModel | None) -> tuple[str, ...]:
    if model is None:
        return ()
    where = model.endpoint.urls if model.endpoint else ()
    return (str(model.version_id), model.name, model.sha256, str(model.max_tokens), str(model.fallback), *where)


@cache
def code_digest() -> str:
    """Of the files that make answers, learned weights and prompts among them: read once a process."""
    digest = hashlib.sha256()
    for path in _files():
        digest.update(f"{path.relative_to(settings.BASE_DIR)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files() -> Iterator[Path]:
    for folder in CODE:
        yield from sorted(one for one in Path(settings.BASE_DIR, folder).rglob("*") if one.suffix in WRITTEN_IN)


def _digest(parts: dict[str, Any]) -> str:
    told = json.dumps(parts, sort_keys=True, default=_plain, ensure_ascii=False)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: object) -> Any:
    if isinstance(value, frozenset | set):
        return sorted(json.dumps(one, default=_plain) for one in value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID | Path):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in a key.")
