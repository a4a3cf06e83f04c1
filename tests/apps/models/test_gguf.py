"""The head of a GGUF file, of which nothing is believed."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from apps.models.errors import UnsupportedModelError
from apps.models.gguf import GgufHead, gguf_file, gguf_head
from apps.models.services.registry import bundled_writer_path
from tests.apps.models.writers import gguf_make


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return gguf_make(tmp_path / "small.gguf")


def test_it_says_what_its_model_is(small: Path) -> None:
    head = gguf_head(small)
    assert head.parameters == 3 * 8 + 8
    assert head.has_chat_template
    assert (head.values["general.flag"], head.values["general.share"]) == (True, 0.5)
    assert head.config() == {
        "model_type": "llama", "architectures": ["llamaForCausalLM"], "hidden_size": 8, "intermediate_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
        "vocab_size": 3, "tie_word_embeddings": True,
    }  # fmt: skip


def test_the_real_one_is_read() -> None:
    path = bundled_writer_path()
    assert path is not None, "the package with the weights is not installed"
    head = gguf_head(path)
    config = head.config()
    assert (config["model_type"], config["max_position_embeddings"], config["vocab_size"]) == ("llama", 8192, 49152)
    assert 134e6 < head.parameters < 136e6
    assert head.has_chat_template


def test_a_file_that_is_cut_anywhere_is_refused(small: Path) -> None:
    whole = small.read_bytes()
    head = whole.index(b"output_norm.weight") + 30
    for size in range(0, head, 7):
        small.write_bytes(whole[:size])
        with pytest.raises(UnsupportedModelError, match="not a GGUF file that can be read"):
            gguf_head(small)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04" * 10, "does not begin as one"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version is 1"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60), "counts"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**60), "a text of"),
        (b"GGUF" + struct.pack("<IQQQ1sI", 3, 0, 1, 1, b"a", 99), "unknown type 99"),
        (b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"a", 9, 9, 5), "list of lists"),
        (b"GGUF" + struct.pack("<IQQQ1sI", 3, 1, 0, 1, b"a", 99), "99 dimensions"),
    ],
)
def test_what_contradicts_the_format_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(content)
    with pytest.raises(UnsupportedModelError, match=told):
        gguf_head(file)


def test_a_folder_with_one_file_means_it_and_with_several_none(tmp_path: Path) -> None:
    assert gguf_file(tmp_path) is None
    one = tmp_path / "a.gguf"
    one.touch()
    assert gguf_file(tmp_path) == gguf_file(one) == one
    (tmp_path / "b.gguf").touch()
    with pytest.raises(UnsupportedModelError, match=r"2 GGUF files: a\.gguf, b\.gguf"):
        gguf_file(tmp_path)


def test_an_output_of_its_own_is_not_the_embedding() -> None:
    head = GgufHead({"general.architecture": "llama"}, 0, frozenset({"output.weight"}))
    assert not head.config()["tie_word_embeddings"]
