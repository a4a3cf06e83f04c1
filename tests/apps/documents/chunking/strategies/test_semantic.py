import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.documents.chunking.chunker import chunk
from apps.documents.chunking.settings import ChunkingSettings, ChunkingStrategy
from apps.documents.chunking.strategies import semantic
from tests.apps.documents.chunking.making import SpaceTokenizer, all_words, document, embed_words

SUBJECTS = ["duck", "train", "bread"]


def embed_subjects(texts):
    """One dimension a subject, and a little of one that all texts share."""
    return np.array([[*(subject in text for subject in SUBJECTS), 0.1] for text in texts], np.float32)


def about(subject, *, count):
    return " ".join(f"Sentence {number} tells something of the {subject} there." for number in range(count))


def by_meaning(parsed, *, size=100, overlap=0, embed=embed_subjects):
    chunking = ChunkingSettings(ChunkingStrategy.SEMANTIC, size=size, overlap=overlap)
    return chunk(parsed, chunking, SpaceTokenizer(), embed=embed)


def test_the_text_is_cut_where_its_subject_changes_and_nothing_is_repeated_there():
    parts = [about("duck", count=5), about("train", count=7), about("bread", count=6)]
    parsed = document(" ".join(parts))
    assert all_words(parsed, by_meaning(parsed, overlap=20)) == parts


def test_a_section_that_would_fit_is_cut_where_its_subject_changes():
    parts = [about("duck", count=5), about("train", count=5)]
    parsed = document("\n\n".join(parts))
    assert all_words(parsed, by_meaning(parsed, size=500)) != parts  # an eighth of 500 tokens is too little
    assert all_words(parsed, by_meaning(parsed, size=300)) == parts


def test_a_text_of_one_subject_is_cut_by_size_alone_and_repeats_sentences():
    parsed = document(about("duck", count=30))
    spans = by_meaning(parsed, size=60, overlap=10)
    assert [span.token_count for span in spans[:-1]] == [48] + [56] * (len(spans) - 2)


def test_a_single_stray_sentence_is_no_chunk_of_its_own():
    parsed = document(f"{about('duck', count=6)} A train. {about('duck', count=6)}")
    assert "A train." not in all_words(parsed, by_meaning(parsed, size=200))


def test_tables_are_not_torn_where_their_rows_differ():
    table = "| the duck | quacks |\n| the train | whistles |\n| the bread | is quiet |"
    parsed = document(f"{about('duck', count=5)}\n\n{table}\n\n{about('train', count=5)}")
    assert any(table in words for words in all_words(parsed, by_meaning(parsed)))


def test_the_threshold_is_that_of_the_whole_document():
    whole = [about("bread", count=4)] * 30
    parsed = document(*whole, f"{about('duck', count=5)} {about('train', count=5)}")
    assert all_words(parsed, by_meaning(parsed))[-2:] == [about("duck", count=5), about("train", count=5)]
    assert len(by_meaning(parsed)) == 32


@given(
    subjects=st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=60),
    sections=st.integers(1, 4),
    batch=st.integers(1, 9),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_size_of_the_batches_makes_no_difference(subjects, sections, batch):
    parsed = document(*[" ".join(about(subject, count=1) for subject in subjects)] * sections)
    at_once, batches = by_meaning(parsed, embed=embed_words), []

    def embed_batch(texts):
        batches.append(len(texts))
        return embed_words(texts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(semantic, "BATCH", batch)
        assert by_meaning(parsed, embed=embed_batch) == at_once
    assert all(length <= batch + 2 * semantic.NEIGHBOURS - 1 for length in batches)


def test_no_text_that_is_embedded_is_larger_than_a_chunk():
    lengths = []

    def embed(texts):
        lengths.extend(SpaceTokenizer().count(text) for text in texts)
        return embed_words(texts)

    rows = "| a row | of four |\n" * 100
    by_meaning(document(f"{about('duck', count=3)} {'endless ' * 500}.\n\n{rows}"), size=50, embed=embed)
    assert 0 < max(lengths) <= 50


def test_vectors_without_a_direction_are_like_nothing():
    parsed = document(about("duck", count=20))
    spans = by_meaning(parsed, embed=lambda texts: np.zeros((len(texts), 4), np.float32))
    assert len(spans) == 2


@pytest.mark.parametrize(
    "answer",
    [
        lambda texts: np.ones((len(texts) + 1, 3), np.float32),
        lambda texts: np.ones(len(texts), np.float32),
        lambda texts: np.full((len(texts), 3), np.nan, np.float32),
    ],
)
def test_what_is_no_vector_a_text_is_refused(answer):
    with pytest.raises(ValueError, match=r"`embed` gave shape .* for 5 texts"):
        by_meaning(document(about("duck", count=5)), embed=answer)


def test_it_does_not_work_without_vectors():
    with pytest.raises(ValueError, match="give chunk\\(\\) an `embed`"):
        by_meaning(document("A duck."), embed=None)


def test_what_embedding_raises_is_passed_on():
    def fail(texts):
        raise TimeoutError("no worker")

    with pytest.raises(TimeoutError, match="no worker"):
        by_meaning(document(about("duck", count=5)), embed=fail)
