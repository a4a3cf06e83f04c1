from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, processors

from apps.models.engine.tokenizer import PairIds
from apps.models.engine.windows import SPAN_TOKENS, Window, WindowEncoder, reading_best
from apps.models.errors import UnsupportedModelError
from apps.models.reading import Reading
from tests.apps.models.making import tokenizer_train

QUESTION = "When does the tenant pay the rent?"
PASSAGE = "The tenant pays the rent on the first day of each month. " * 9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    tokenizer_train().save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def window(tokens: int, *, first: int = 3) -> Window:
    """So many tokens of a passage, a character each, behind those of a question."""
    return Window(PairIds([0] * (first + tokens + 1), []), first, [(place, place + 1) for place in range(tokens)])


def logits(of: Window, *marked: tuple[int, int, float]) -> np.ndarray:
    """Zeros, but for (token, 0 for first or 1 for last, how much)."""
    made = np.zeros((len(of), 2), dtype=np.float32)
    for token, side, value in marked:
        made[token, side] = value
    return made


def test_windows_cover_the_whole_passage_and_overlap(folder: Path) -> None:
    (read,) = WindowEncoder(folder, max_tokens=32).encode([(QUESTION, PASSAGE)])

    assert len(read.windows) > 3
    assert all(len(one) <= 32 for one in read.windows)
    assert len(read) == sum(len(one) for one in read.windows)
    bounds = [(one.offsets[0][0], one.offsets[-1][1]) for one in read.windows]
    assert (bounds[0][0], bounds[-1][1]) == (0, len(PASSAGE.rstrip()))
    assert all(later[0] < earlier[1] < later[1] for earlier, later in pairwise(bounds))


def test_a_question_takes_no_more_than_half_of_a_window(folder: Path) -> None:
    (read,) = WindowEncoder(folder, max_tokens=32).encode([(QUESTION * 40, PASSAGE)])

    assert all(one.first <= 2 + 29 // 2 and len(one) <= 32 for one in read.windows)
    assert read.windows[-1].offsets[-1][1] == len(PASSAGE.rstrip())


def test_an_empty_passage_has_a_window_and_no_span(folder: Path) -> None:
    (read,) = WindowEncoder(folder, max_tokens=32).encode([(QUESTION, "")])
    (only,) = read.windows

    assert reading_best([only], [logits(only, (0, 0, 2.0), (0, 1, 1.5))]) == Reading(0, 0, 3.5, 3.5)


def test_a_tokenizer_that_puts_nothing_before_the_question_is_refused(folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A [SEP]", pair="$A [SEP] $B [SEP]", special_tokens=[("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))

    with pytest.raises(UnsupportedModelError, match="must put one of its own before the question"):
        WindowEncoder(folder, max_tokens=32)


def test_a_model_that_reads_next_to_nothing_is_refused(folder: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="reads 10 tokens"):
        WindowEncoder(folder, max_tokens=10)


def test_a_span_lies_in_the_passage_and_ends_no_earlier_than_it_begins() -> None:
    one = window(5)
    # The question and the last token of all have the most, and within the passage the end stands before the start.
    told = logits(one, (1, 0, 9.0), (8, 1, 9.0), (6, 0, 3.0), (4, 1, 2.0), (7, 1, 1.0))

    assert reading_best([one], [told]) == Reading(3, 5, 4.0, 0.0)


def test_a_span_has_no_more_tokens_than_an_answer() -> None:
    one = window(2 * SPAN_TOKENS)
    far, near = one.first + SPAN_TOKENS, one.first + SPAN_TOKENS - 1

    assert reading_best([one], [logits(one, (one.first, 0, 5.0), (far, 1, 5.0))]).score == 5.0
    assert reading_best([one], [logits(one, (one.first, 0, 5.0), (near, 1, 5.0))]) == Reading(0, SPAN_TOKENS, 10.0, 0.0)


def test_of_equal_spans_the_earlier_and_shorter_counts() -> None:
    one, other = window(4), window(4, first=2)

    assert reading_best([one, other], [logits(one), logits(other)]) == Reading(0, 1, 0.0, 0.0)


def test_the_best_span_of_all_windows_counts_and_the_least_word_for_no_answer() -> None:
    windows = [window(4), window(4)]
    sure_of_nothing = logits(windows[0], (0, 0, 8.0), (0, 1, 1.0))
    found = logits(windows[1], (0, 0, -2.0), (4, 0, 3.0), (5, 1, 3.0))

    best = reading_best(windows, [sure_of_nothing, found])

    assert best == Reading(1, 3, 6.0, -2.0)
    assert best.margin == 8.0
    assert best.answers(7.9)
    assert not best.answers(8.0)
