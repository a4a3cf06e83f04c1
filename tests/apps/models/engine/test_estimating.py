"""Lengths of texts for models whose tokenizer is at a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.models.engine.estimating import SPECIAL_TOKENS, EstimatingTokenizer
from apps.models.engine.tokenizer import ModelTokenizer
from apps.models.installed_model import EmbeddingModel
from apps.models.prompts import Prompts, prompt_room
from apps.models.services.registry import bundled_model_path
from ragsite.core.environment import PROJECT_DIR
from ragsite.core.ids import new_id


def estimating(max_tokens: int = 512, prompts: Prompts = Prompts()) -> EstimatingTokenizer:  # noqa: B008 - it is frozen
    return EstimatingTokenizer(EmbeddingModel(new_id(), "x", Path(), "", max_tokens, dimensions=4, prompts=prompts))


def test_the_prompt_and_the_ends_of_a_text_take_their_room() -> None:
    assert estimating().limit == 512 - SPECIAL_TOKENS
    assert estimating(prompts=Prompts(document="passage: ")).limit == 512 - SPECIAL_TOKENS - prompt_room("passage: ")


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("a harbour", 4), ("B2-417/x", 7), ("naïve", 3), ("東京都", 3), ("  \n", 0)]
)
def test_letters_count_by_three_digits_by_two_and_other_signs_each(text: str, count: int) -> None:
    tokenizer = estimating()
    assert tokenizer.count(text) == len(tokenizer.offsets(text)) == count
    assert all(text[start:end].strip() for start, end in tokenizer.offsets(text))


def test_what_people_write_is_estimated_longer_than_a_real_tokenizer_makes_it() -> None:
    path = bundled_model_path()
    assert path is not None
    real, guessed = ModelTokenizer(path), estimating()
    pages = [*(PROJECT_DIR / "docs").glob("*.md"), *(PROJECT_DIR / "samples").glob("*.md")]
    for page in pages:
        text = page.read_text()
        assert guessed.count(text) > real.count(text), page.name
