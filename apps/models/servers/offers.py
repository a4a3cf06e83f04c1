"""Which models a server offers, and how much each reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from apps.models.servers.client import Server, answer_json
from apps.models.servers.errors import ModelServerRefusedError, reply_junk
from apps.models.servers.words import storable
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError

NAMED = 12
MOST = 2_000
MOST_TOKENS = 100_000_000
"""A server that says more is not believed."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that a server offers; how many tokens it reads at once, where the server says so."""

    model: str
    max_tokens: int | None = None


def offers(server: Server) -> tuple[Offer, ...]:
    """What `GET /models` lists. Raises as `answer_json`."""
    told = answer_json(server, "/models")
    rows = told.get("data") if isinstance(told, Mapping) else None
    if not isinstance(rows, list):
        raise reply_junk(server.url, str(told), "it is no list of models", key=server.key)
    return tuple(
        Offer(storable(row["id"]), _max_tokens(row))
        for row in rows[:MOST]
        if isinstance(row, Mapping) and _is_name(row)
    )


def offer_of(server: Server) -> Offer:
    """What the server says of the model. Raises ModelNotFoundError: it is not among those it offers, which are named."""
    found = offers(server)
    for offer in found:
        # Ollama calls the newest of a family by its name alone, too.
        if offer.model in (server.model, f"{server.model}:latest"):
            return replace(offer, model=server.model)
    raise ModelNotFoundError(
        f"The model server {server.url} has no model {server.model!r}; it offers {listed([one.model for one in found])}.",
        action="Name one of these.",
    )


def max_tokens_of_info(server: Server) -> int | None:
    """How much the model reads at once, as TEI's `/info` says, which lists no models. None where it does not."""
    try:
        told = answer_json(server.at_root(), "/info")
    except (ModelServerRefusedError, ModelUnavailableError):
        return None
    longest = told.get("max_input_length") if isinstance(told, Mapping) else None
    return longest if type(longest) is int and 0 < longest <= MOST_TOKENS else None


def listed(names: Sequence[str]) -> str:
    """Some of the names, in words."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more if names else "none"


def _is_name(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("id"), str) and bool(row["id"])


def _max_tokens(row: Mapping[str, Any]) -> int | None:
    """As vLLM says it, and as llama.cpp does: what it was started with, else what the model was trained with."""
    meta = row.get("meta")
    inner = meta if isinstance(meta, Mapping) else {}
    stated = (row.get("max_model_len"), inner.get("n_ctx"), inner.get("n_ctx_train"))
    return next((one for one in stated if type(one) is int and 0 < one <= MOST_TOKENS), None)
