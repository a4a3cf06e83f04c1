"""What SmolLM2 makes of the documents, and what of that is shown: python -m tests.apps.retrieval.answers.injection.real"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.engine.model import SETTINGS


def main() -> None:
    """A line for each document: what is shown of the answer, and what else was written."""
    os.environ.update(SETTINGS)
    import_module("django").setup()
    running = import_module("tests.apps.models.engine.generation.running")
    writer = import_module("tests.apps.models.writers").writer_of(
        import_module("apps.models.services.registry").bundled_writer_path()
    )
    with running.running(running.engine_load(writer, threads=2, slots=1, slot_tokens=2048)) as runner:
        for injection in import_module("tests.apps.retrieval.answers.injection.documents").INJECTIONS:
            draft = _answered(injection, runner, writer, running.stream)
            hidden = [f"{one.text} ({one.judgement.verdict})" for one in draft.statements if not one.is_shown]
            print(f"{injection.name}\n  shown: {[one.text for one in draft.shown]}\n  else: {hidden}")  # noqa: T201


def _answered(injection: Any, runner: Any, writer: Any, stream: Any) -> Any:
    trying = import_module("tests.apps.retrieval.answers.injection.test_injection")
    making = import_module("tests.apps.retrieval.making")
    calls = import_module("apps.models.gateway.calls")

    class Real(import_module("apps.models.gateway.fake").FakeTransport):  # type: ignore[misc]
        def stream(self, call: Any) -> Iterator[Any]:
            yield from stream(runner, call.inputs)

    with tempfile.TemporaryDirectory() as folder, patch.object(calls, "current_transport", Real):
        file = Path(folder, f"document.{injection.kind.value}")
        file.write_text(injection.text)
        text = import_module("apps.documents.parsing.registry").parse(file, injection.kind).text
        passages = [making.passage(text), making.passage(trying.FACT)]
        return trying.answered(passages, trying.LanguageModelGenerator(writer))


if __name__ == "__main__":
    main()
