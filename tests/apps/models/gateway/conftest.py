from __future__ import annotations

from typing import Any

import pytest

from apps.models.gateway import Deadline, ModelCall, Purpose
from apps.models.gateway.http import HttpTransport
from apps.models.generation import Conversation, GenerationOptions
from apps.models.installed_model import InstalledModel
from tests.apps.models.gateway.at_servers import ASKED, Write, model_at
from tests.model_server import WAIT, ModelServer


@pytest.fixture
def transport() -> HttpTransport:
    return HttpTransport()


@pytest.fixture
def write(transport: HttpTransport, engine: ModelServer) -> Write:
    def write(*urls: str, seconds: float = WAIT, model: InstalledModel | None = None, **options: Any) -> Any:
        chosen = model or model_at(*(urls or (engine.url,)))
        asked = Conversation(ASKED, GenerationOptions(**options))
        return transport.stream(ModelCall(chosen, asked, Purpose.ANSWER, Deadline.after(seconds)))

    return write
