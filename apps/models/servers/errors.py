"""What goes wrong with a model server, in words. What a server says is quoted in part, and never the key that was sent to it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from apps.models.servers.words import storable
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError, PermanentError, RagError

QUOTED = 300
"""Characters of what a server says."""

SHORTEST_KEY = 6
"""Characters. Shorter ones, such as `none`, keep nobody out and are words of their own."""

BUSY_SECONDS = 1.0
MOST_BUSY_SECONDS = 300.0

# As vLLM, OpenAI, llama.cpp and TEI say it.
_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|size|window)|exceed_context|n_ctx|must have less than \d+ tokens"
    r"|max_tokens must be at least 1, got -|too large to process|maximum allowed batch size",
    re.IGNORECASE,
)
_LOADING = re.compile(r"\bloading\b", re.IGNORECASE)
_UNKNOWN_MODEL = re.compile(r"model.{0,300}(?:not found|not exist|unknown)|model_not_found", re.IGNORECASE | re.DOTALL)


class ModelKeyError(PermanentError):
    """The model server does not take the key, or there is none to give; seen by who connects it, and in degraded answers."""

    code = "model_key_refused"
    status = 502
    action = "Connect the model again with a key that its server takes."


class ModelServerRefusedError(PermanentError):
    """The model server does not do what is asked of it, whoever asks."""

    code = "model_server_refused"
    status = 502
    action = "Check the address and the model by `manage.py models test`."


class ModelServerError(ModelUnavailableError):
    """The model server failed, for now."""

    code = "model_server_failed"
    action = "See the log of the model server, then try again."


class ModelServerUnreachableError(ModelServerError):
    """Nothing answers at the address, or the connection broke before an answer."""

    code = "model_server_unreachable"
    action = "Check that the model server runs and can be reached from here, then try again."


class ModelServerLostError(ModelServerError):
    """The connection broke in the middle of an answer."""

    code = "model_server_lost"
    action = "Try again; see the log of the model server."


class ModelServerBusyError(ModelServerError):
    """The model server has more to do than it takes; it said so at once."""

    code = "model_server_busy"
    action = "Try again, or connect another server for this model."


def answer_error(status: int, body: str, *, url: str, model: str, key: str = "", retry_after: str = "") -> RagError:
    """The error of an answer that is none of success, or that stood in the middle of a stream as `status`."""
    said, at = said_by(_cleared(body, key)), f"The model server {url}"
    if status in (401, 403):
        return ModelKeyError(f"{at} refused the key ({status}): {said}")
    if status == 429:
        return ModelServerBusyError(f"{at} is busy: {said}", retry_after=seconds_of(retry_after))
    if _TOO_LONG.search(said):
        return PermanentError(
            f"{at} has no room for what {model!r} was given: {said}",
            code="context_too_long",
            action="Give it less, or let the server read more at once.",
        )
    if status == 404 and _UNKNOWN_MODEL.search(said):
        return ModelNotFoundError(f"{at} does not know the model {model!r}: {said}", action="Connect one it offers.")
    if 300 <= status < 400:
        return ModelServerRefusedError(f"{at} leads elsewhere ({status}), which is not followed.")
    if status < 500:
        return ModelServerRefusedError(f"{at} answered {status}: {said}")
    return _failed(status, said, at, seconds_of(retry_after) if retry_after else None)


def _failed(status: int, said: str, at: str, retry_after: float | None) -> RagError:
    if status == 503 and _LOADING.search(said):
        return ModelUnavailableError(
            f"{at} still loads its model: {said}",
            code="model_loading",
            action="Try again in a moment.",
            retry_after=retry_after or BUSY_SECONDS,
        )
    if status == 503 and retry_after is not None:
        return ModelServerBusyError(f"{at} is busy: {said}", retry_after=retry_after)
    return ModelServerError(f"{at} failed ({status}): {said}", retry_after=retry_after)


def stream_error(told: Any, *, url: str, model: str, key: str = "") -> RagError:
    """The error that stands in a stream whose beginning was a success; its code, if it is one of HTTP's, says which."""
    code = told.get("code") if isinstance(told, Mapping) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return answer_error(status, json.dumps({"error": told}), url=url, model=model, key=key)


def reply_junk(url: str, what: str, why: str, *, key: str = "") -> ModelUnavailableError:
    """The error for an answer that says it is one and is not."""
    return ModelUnavailableError(
        f"The model server {url} answered {_cleared(what, key)[:120]!r}: {why}.",
        code="invalid_reply",
        action="Check that the address is one of a server that speaks OpenAI's protocol; it often ends in /v1.",
    )


def said_by(body: str) -> str:
    """The words of an error, in whichever of the servers' shapes; else the beginning of what was sent."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    found = _words(told)
    words = " ".join(storable(found or body).split())[:QUOTED] or "no words"
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _words(told: Any) -> str:
    if isinstance(told, str):
        return told
    if not isinstance(told, Mapping):
        return ""
    inner = told.get("error")
    if isinstance(inner, Mapping):
        parts = (inner.get("message"), inner.get("code"), inner.get("type"))
        return " ".join(part for part in parts if isinstance(part, str))
    for name in ("error", "message", "detail"):
        if isinstance(told.get(name), str):
            return str(told[name])
    return json.dumps(told) if told else ""


def seconds_of(retry_after: str) -> float:
    """Seconds of a `Retry-After`; a date, or nothing, counts as one."""
    try:
        seconds = float(retry_after)
    except ValueError:
        return BUSY_SECONDS
    return BUSY_SECONDS if math.isnan(seconds) else min(max(seconds, 0.1), MOST_BUSY_SECONDS)


def _cleared(text: str, key: str) -> str:
    """The text without the key, before any of it is cut off; also as JSON and Python write it."""
    for written in dict.fromkeys((key, json.dumps(key)[1:-1], repr(key)[1:-1])) if key else ():
        text = text.replace(written, "(the key)")
    return text


def without_key(error: RagError, key: str) -> RagError:
    """The error without the key, which some servers repeat."""
    if len(key) < SHORTEST_KEY or key not in error.sentence:
        return error
    return type(error)(
        error.message.replace(key, "(the key)"),
        code=error.error_code,
        action=error.error_action.replace(key, "(the key)"),
        status=error.http_status,
        retry_after=error.retry_after,
    )
