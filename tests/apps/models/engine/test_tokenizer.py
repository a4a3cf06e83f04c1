from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.models.engine.tokenizer import InputEncoder, ModelTokenizer
from apps.models.installed_model import EmbeddingModel

MakeCheckpoint = Callable[..., Path]
TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(list("aeiou thns.,'-\n\t\x0b\x0c\x1c\x1e\x85\xa0\u2028\u3000\u200b\u0301#[]")),
    )
)
TEXT = "The tenant pays the rent. Übrigens: 東京 — €5, naïve!"


def test_the_limit_leaves_room_for_the_special_tokens(make_checkpoint: MakeCheckpoint) -> None:
    assert ModelTokenizer(make_checkpoint()).limit == 24 - 2


def test_counting_ignores_the_truncation_and_padding_saved_with_the_tokenizer(make_checkpoint: MakeCheckpoint) -> None:
    tokenizer = ModelTokenizer(make_checkpoint())

    assert tokenizer.count("the " * 1000) == 1000
    assert tokenizer.count("the") == 1
    assert tokenizer.count("") == 0


@pytest.fixture(scope="module")
def real(bundled_model: EmbeddingModel) -> ModelTokenizer:
    return ModelTokenizer(bundled_model.path)


@pytest.mark.weights
@given(text=TEXTS)
@example(text="a\x0bb \x1cc d\x85e\x0c")
@example(text="of\u200b one\u2028line\u3000and\xa0others [SEP] [CLS]x ##y")
@example(text="e\u0301a \u0301b 東京。都 ΑΣ Σ" + "x" * 300)
def test_the_words_of_a_text_add_up_to_what_the_real_tokenizer_makes_of_all_of_it(
    real: ModelTokenizer, text: str
) -> None:
    assert real.count(text) == len(real.offsets(text))


def test_a_tokenizer_whose_words_do_not_add_up_counts_the_text_as_a_whole(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    written = json.loads((path / "tokenizer.json").read_text())
    written["pre_tokenizer"] = None  # All of the text is one word, and too long a word is one unknown token.
    (path / "tokenizer.json").write_text(json.dumps(written))

    tokenizer = ModelTokenizer(path)

    assert tokenizer.count("the tenant " * 20) == len(tokenizer.offsets("the tenant " * 20)) == 1


def test_offsets_are_character_spans_in_order_that_cover_every_word(make_checkpoint: MakeCheckpoint) -> None:
    tokenizer = ModelTokenizer(make_checkpoint())

    offsets = tokenizer.offsets(TEXT)

    assert len(offsets) == tokenizer.count(TEXT)
    assert all(start < end <= next_start for (start, end), (next_start, _) in itertools.pairwise(offsets))
    covered = {place for start, end in offsets for place in range(start, end)}
    assert covered == {place for place, character in enumerate(TEXT) if not character.isspace()}


def test_inputs_are_cut_at_the_models_limit_and_keep_the_closing_token(make_checkpoint: MakeCheckpoint) -> None:
    encoder = InputEncoder(make_checkpoint(), max_tokens=24)

    long, short = encoder.encode(["the " * 1000, "the"])

    assert len(long) == 24
    assert (long[0], long[-1]) == (short[0], short[-1])
    assert len(short) == 3


@pytest.mark.weights
def test_the_real_model_takes_256_tokens_though_its_tokenizer_says_128(real: ModelTokenizer) -> None:
    assert real.limit == 254
    assert real.count("water " * 200) == 200
    assert real.offsets("Hello world") == [(0, 5), (6, 11)]
