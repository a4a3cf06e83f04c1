"""How much a language model can be told, by an estimate of tokens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.models.generation import Message, Role
from apps.models.installed_model import InstalledModel, ModelKind
from apps.models.servers.endpoint import Endpoint
from apps.retrieval.answers.token_room import MOST_TOKENS, TEMPLATE_TOKENS, document_room, tokens_estimated
from ragsite.core.ids import new_id

WORKER = InstalledModel(new_id(), "writer", Path("/nowhere"), "0" * 64, 2048, ModelKind.GENERATION)
SERVED = replace(WORKER, endpoint=Endpoint(("http://nowhere",), "served"))


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("The harbour opens", 6), ("12:30", 5), ("港口办公室", 5), ("| 1 | 2 |", 7)]
)
def test_letters_of_ascii_count_less_than_any_other_sign(text: str, tokens: int) -> None:
    assert tokens_estimated(text) == tokens


@given(st.text(max_size=50), st.text(max_size=50))
def test_parts_are_never_less_than_the_whole(one: str, other: str) -> None:
    assert tokens_estimated(one + other) <= tokens_estimated(one) + tokens_estimated(other)


def test_of_a_worker_the_smaller_of_slot_and_context_counts(settings: Any) -> None:
    besides = [Message(Role.SYSTEM, "12345")]
    assert document_room(WORKER, besides=besides, writes=100) == 2048 - 100 - 5 - TEMPLATE_TOKENS
    settings.RAGSITE_GENERATION_TOKENS = 512
    assert document_room(WORKER, besides=besides, writes=100) == 512 - 100 - 5 - TEMPLATE_TOKENS
    assert document_room(WORKER, besides=besides, writes=512) == -5 - TEMPLATE_TOKENS


@pytest.mark.parametrize(("reads", "room"), [(0, None), (2048, 1984 - 100), (128_000, MOST_TOKENS)])
def test_of_a_server_what_it_says_counts_up_to_a_bound(reads: int, room: int | None) -> None:
    assert document_room(replace(SERVED, max_tokens=reads), besides=[], writes=100) == room
