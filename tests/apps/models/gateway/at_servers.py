"""Models at the server of the tests, and what is asked of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from apps.models.generation import GeneratedText, GenerationPiece, Message, Role
from apps.models.installed_model import InstalledModel, ModelKind
from apps.models.servers.endpoint import Endpoint
from ragsite.core.ids import new_id
from tests.model_server import MODEL

ASKED = (Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Has the harbour berths?"))
Write = Callable[..., Iterator[GenerationPiece]]


def model_at(*urls: str, **about: Any) -> InstalledModel:
    return InstalledModel(
        new_id(), "writer", Path(), "", 0, ModelKind.GENERATION, endpoint=Endpoint(urls, MODEL, **about)
    )


def text_of(pieces: Iterator[GenerationPiece]) -> str:
    return "".join(one.text for one in pieces if isinstance(one, GeneratedText))


def data(*told: Any) -> str:
    return "".join(f"data: {one if isinstance(one, str) else json.dumps(one)}\n\n" for one in told)
