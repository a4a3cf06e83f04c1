"""The tokenizer of a checkpoint: how long a text is for its model, and where the tokens lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from apps.models.checkpoint import checkpoint_read

TokenIds = list[int]
TextPair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PairIds:
    """The tokens of two texts that are read together, and which of the two each belongs to, 0 or 1."""

    ids: TokenIds
    types: list[int]

    def __len__(self) -> int:
        return len(self.ids)


class ModelTokenizer:
    """Counts and locates tokens, without ever cutting a text short. Threads may share it."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            ModelNotFoundError, UnsupportedModelError: the folder is no usable checkpoint.
        """
        self._tokenizer = _tokenizer(path)
        self._special = int(self._tokenizer.num_special_tokens_to_add(is_pair=False))
        self.max_tokens = checkpoint_read(path).max_tokens

    @property
    def limit(self) -> int:
        """The most tokens of a text that the model sees, beside the special ones."""
        return self.max_tokens - self._special

    def count(self, text: str) -> int:
        """The number of tokens of `text`, without the special ones."""
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """The character span (start, end) of each token of `text`, without the special ones."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).offsets)


class InputEncoder:
    """Turns texts into the token ids a model takes, special tokens included and cut at `max_tokens`."""

    def __init__(self, path: Path, *, max_tokens: int) -> None:
        self._tokenizer = _tokenizer(path)
        self._tokenizer.enable_truncation(max_length=max_tokens)

    def encode(self, texts: Sequence[str]) -> list[TokenIds]:
        """The ids of each text, in the order given."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]


class PairEncoder:
    """Turns pairs of texts into what a cross-encoder takes, special tokens included; the longer text is cut at `max_tokens`."""

    def __init__(self, path: Path, *, max_tokens: int) -> None:
        self._tokenizer = _tokenizer(path)
        self._tokenizer.enable_truncation(max_length=max_tokens, strategy="longest_first")

    def encode(self, pairs: Sequence[TextPair]) -> list[PairIds]:
        """The tokens of each pair, in the order given."""
        return [PairIds(encoding.ids, encoding.type_ids) for encoding in self._tokenizer.encode_batch_fast(list(pairs))]


def _tokenizer(path: Path) -> Tokenizer:
    """The checkpoint's tokenizer without the truncation and padding that were saved with it."""
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
