from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.models.engine.packing import SHORT, first_position, pack, row_width

TEXTS = st.lists(st.lists(st.integers(5, 99), min_size=1, max_size=150), min_size=1, max_size=20)


@given(TEXTS, st.sampled_from([0, 2]))
def test_a_row_holds_the_texts_end_to_end_each_with_positions_of_its_own(texts: list[list[int]], first: int) -> None:
    row = pack(texts, first_position=first, filler=1)

    tokens = [token for text in texts for token in text]
    assert row.tokens == len(tokens)
    assert row.ids.shape == row.positions.shape == (1, row_width(len(tokens)))
    assert row.ids[0].tolist() == tokens + [1] * (row_width(len(tokens)) - len(tokens))
    assert row.positions[0, : row.tokens].tolist() == [first + place for text in texts for place in range(len(text))]
    assert set(row.positions[0, row.tokens :].tolist()) <= {first}
    assert row.types is None


@given(TEXTS)
def test_tiles_are_whole_texts_in_turn_and_say_which_tokens_are_of_one_text(texts: list[list[int]]) -> None:
    row = pack(texts, first_position=0, filler=0)

    owners = [number for number, text in enumerate(texts) for _ in text]
    end = 0
    for tile in row.tiles:
        assert tile.tokens.start == end
        end = tile.tokens.stop
        own = owners[tile.tokens]
        if tile.same_text is None:
            assert len(set(own)) == 1
        else:
            assert len(own) <= SHORT
            assert tile.same_text.tolist() == [[one == other for other in own] for one in own]
    assert end == row.tokens


def test_types_go_with_their_tokens() -> None:
    row = pack([[7, 8, 9], [7]], types=[[0, 1, 1], [0]], first_position=0, filler=3)

    assert row.types is not None
    assert row.types[0, :4].tolist() == [0, 1, 1, 0]
    assert row.types.shape == row.ids.shape
    assert "token_type_ids" in row.inputs()


@given(st.integers(1, 5000))
def test_rows_have_few_widths_and_are_not_much_wider_than_their_tokens(tokens: int) -> None:
    width = row_width(tokens)

    assert tokens <= width <= max(tokens + 15, tokens * 9 // 8 + 1)
    assert row_width(width) == width


def test_a_full_batch_is_filled_up_with_nothing() -> None:
    assert row_width(2048) == 2048
    assert len({row_width(tokens) for tokens in range(1, 2049)}) < 45


@pytest.mark.parametrize(
    ("config", "position"),
    [
        ({"model_type": "bert", "pad_token_id": 0}, 0),
        ({"model_type": "xlm-roberta", "pad_token_id": 1}, 2),
        ({"model_type": "bert", "pad_token_id": 0, "is_decoder": True}, None),
        ({"model_type": "modernbert", "pad_token_id": 0}, None),
    ],
)
def test_families_that_can_be_packed_number_positions_in_their_own_way(
    config: dict[str, object], position: int | None
) -> None:
    assert first_position(SimpleNamespace(**config)) == position
