"""What the client's manual shows is run as it stands there."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import httpx
import pytest
import ragsite_client

from tests import factories as make
from tests.apps.retrieval.streaming.inline import runs_inline
from tests.client.serving import AsyncViews, Views

pytestmark = pytest.mark.django_db

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "client.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SENTENCE = "The harbour office opens at seven in the morning."


class Working(Views):
    """The views, and workers that have done their work by the time somebody looks."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if "/versions/" in request.url.path:
            make.run_stages()
        return super().handle_request(request)


def test_the_manual_runs_from_its_first_line_to_its_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = BLOCK.findall(MANUAL.read_text())
    monkeypatch.setattr(ragsite_client, "Client", partial(ragsite_client.Client, transport=Working()))
    monkeypatch.setattr(ragsite_client, "AsyncClient", partial(ragsite_client.AsyncClient, transport=AsyncViews()))
    monkeypatch.setenv("RAGSITE_KEY", make.api_key(make.tenant()))
    monkeypatch.chdir(tmp_path)
    Path("handbook.md").write_text(f"# Handbook\n\n{SENTENCE}\n")
    make.embedding_model()
    with runs_inline():
        exec(compile("\n".join(blocks), MANUAL.name, "exec"), {})  # noqa: S102
    told = capsys.readouterr().out.splitlines()
    start = len("Handbook\n\n")
    assert told == [
        SENTENCE,
        f"supported handbook.md {start} {start + len(SENTENCE)} {SENTENCE}",
        "412 For guests",
        "1",
        "['Handbook']",
        "True",
        SENTENCE,
        "found: True, by ['handbook.md']",
        f"{SENTENCE} [{start}]",
    ]
