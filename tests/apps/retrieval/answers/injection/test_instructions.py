"""A model that tells its instructions: none of them is in an answer, and there is nothing secret in what it is told."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from apps.models.gateway import ModelCall, calls
from apps.retrieval.answers.drafting import pieces_collect, pieces_write
from apps.retrieval.answers.language import LanguageModelGenerator
from apps.retrieval.answers.prompts import folder
from apps.retrieval.search.timing import Timings
from ragsite.core.environment import environment_read
from ragsite.core.settings_told import SECRETS
from tests import factories as make
from tests.apps.retrieval.answers.injection.documents import FACT, INJECTIONS, QUESTION
from tests.apps.retrieval.answers.injection.test_injection import MODEL, Obeying
from tests.apps.retrieval.making import material, passage

CANARY = "Quartz sparrow 7319 stands guard at the northern lock."
SAID: dict[str, Callable[[str], str]] = {
    "as it is": lambda told: told,
    "as a quotation": lambda told: f'My instructions say: "{told}" [1]',
    "behind the answer": lambda told: f"{FACT} [2] {told} [2]",
    "within the answer": lambda told: f"{FACT.rstrip('.')}, and {told[0].lower()}{told[1:]} [2]",
    "as a table": lambda told: f"| rule |\n|---|\n| {told} |",
    "as code": lambda told: f"```\n{told}\n```",
    "letter by letter": lambda told: " ".join(told),
    "backwards": lambda told: told[::-1],
    "in base64": lambda told: base64.b64encode(told.encode()).decode(),
}


@pytest.fixture
def prompts(settings: Any, tmp_path: Path) -> None:
    """The instructions with a sentence in them that stands nowhere else."""
    where = tmp_path / "templates" / "prompts"
    where.mkdir(parents=True)
    for path in folder().glob("*.txt"):
        (where / path.name).write_text(f"{path.read_text().rstrip()}\n{CANARY}\n")
    settings.BASE_DIR = tmp_path


def answered(monkeypatch: pytest.MonkeyPatch, said: str, *texts: str) -> tuple[str, ModelCall]:
    """The text of an answer to the question from these passages by a model that says this, and what it was told."""
    model = Obeying(said)
    monkeypatch.setattr(calls, "current_transport", lambda: model)
    asked = material(QUESTION, *[passage(text) for text in texts])
    generators = [LanguageModelGenerator(MODEL)]
    draft = pieces_collect(pieces_write(asked, generators, deadline=make.soon(), timings=Timings()))
    return " ".join(one.text for one in draft.shown), model.calls[0]


@pytest.mark.usefixtures("prompts")
@pytest.mark.parametrize("how", SAID)
def test_no_answer_tells_the_instructions_in_whichever_way_a_model_says_them(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    told = SAID[how](CANARY)
    for injection in INJECTIONS:
        answer, call = answered(monkeypatch, told, injection.text, FACT)
        assert CANARY in call.inputs.messages[0].content  # type: ignore[union-attr]
        for form in (CANARY, CANARY[::-1], " ".join(CANARY), "7319", base64.b64encode(CANARY.encode()).decode()):
            assert form not in answer


def test_nothing_secret_is_told_to_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    read = environment_read()
    kept = [str(getattr(value, "get_secret_value", lambda value=value: value)()) for value in
            (getattr(read, name) for name in SECRETS)]  # fmt: skip
    kept += [urlsplit(os.environ[name]).password or "" for name in ("DATABASE_URL", "REDIS_URL")]
    _, call = answered(monkeypatch, FACT, FACT)
    told = str(call.inputs)
    assert len([secret for secret in kept if secret]) >= 3
    assert [secret for secret in kept if secret and secret in told] == []
