"""The tokenizer of a checkpoint: how long a text is for its model, and where the tokens lie."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from apps.models.checkpoint import checkpoint_read
from apps.models.inputs import TextPair
from apps.models.modules import json_read

TokenIds = list[int]

KEPT_WORDS = 65_536
# What Python takes for spaces, and BERT's normalizer for nothing at all: it joins the words beside it.
_JOINING = re.compile("[\x0b\x0c\x1c-\x1f\x85]")


@dataclass(frozen=True, slots=True)
class PairIds:
    """The tokens of two texts that are read together, and which of the two each belongs to, 0 or 1."""

    ids: TokenIds
    types: list[int]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class TextIds:
    """The tokens of a text, of which the first `left_out` are its prompt's and not for its vector."""

    ids: TokenIds
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.ids)


class ModelTokenizer:
    """Counts and locates tokens, without ever cutting a text short. Threads may share it."""

    def __init__(self, path: Path, *, prompt: str = "") -> None:
        """`prompt` is what the model reads before each text; its tokens are none of the text's.

        Raises:
            ModelNotFoundError, UnsupportedModelError: the folder is no usable checkpoint.
        """
        self._tokenizer = tokenizer_plain(path)
        self._special = int(self._tokenizer.num_special_tokens_to_add(is_pair=False))
        self.max_tokens = checkpoint_read(path).max_tokens
        self._splits_at_spaces = _splits_at_spaces(self._tokenizer)
        self._count_of_word = lru_cache(KEPT_WORDS)(self._encoded_length)
        self._prompt_tokens = self._encoded_length(prompt)

    @property
    def limit(self) -> int:
        """The most tokens of a text that the model sees, beside the special ones and its prompt's."""
        return self.max_tokens - self._special - self._prompt_tokens

    def count(self, text: str) -> int:
        """The number of tokens of `text`, without the special ones; a word that was counted before is only looked up."""
        if self._splits_at_spaces and not _JOINING.search(text):
            return sum(map(self._count_of_word, text.split()))
        return self._encoded_length(text)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """The character span (start, end) of each token of `text`, without the special ones."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).offsets)

    def _encoded_length(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False))


class InputEncoder:
    """Turns texts into the token ids a model takes, special tokens included and cut at `max_tokens`."""

    def __init__(self, path: Path, *, max_tokens: int) -> None:
        self._tokenizer = tokenizer_plain(path)
        self._tokenizer.enable_truncation(max_length=max_tokens)

    def encode(self, texts: Sequence[str]) -> list[TokenIds]:
        """The ids of each text, in the order given."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]

    def beginning(self, prompt: str) -> int:
        """How many ids stand before the text where a prompt does: the prompt's and the special ones before it.

        Counted as sentence-transformers does: all of the prompt alone, without a special one at its end.
        """
        if not prompt:
            return 0
        ids, special = self._encode_special(prompt)
        return len(ids) - 1 if special[-1] else len(ids)

    def _encode_special(self, text: str) -> tuple[TokenIds, list[int]]:
        encoding = self._tokenizer.encode(text)
        return encoding.ids, encoding.special_tokens_mask


class PairEncoder:
    """Turns pairs of texts into what a cross-encoder takes, special tokens included; the longer text is cut at `max_tokens`."""

    def __init__(self, path: Path, *, max_tokens: int) -> None:
        self._tokenizer = tokenizer_plain(path)
        self._tokenizer.enable_truncation(max_length=max_tokens, strategy="longest_first")

    def encode(self, pairs: Sequence[TextPair]) -> list[PairIds]:
        """The tokens of each pair, in the order given."""
        return [PairIds(encoding.ids, encoding.type_ids) for encoding in self._tokenizer.encode_batch_fast(list(pairs))]


def tokenizer_plain(path: Path) -> Tokenizer:
    """The checkpoint's tokenizer without the truncation and padding that were saved with it; in lower case if it is to be."""
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if (json_read(path / "sentence_bert_config.json") or {}).get("do_lower_case"):
        own = [tokenizer.normalizer] if tokenizer.normalizer else []
        tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *own])
    return tokenizer


def _splits_at_spaces(tokenizer: Tokenizer) -> bool:
    """Whether a text has as many tokens as its words together: of the tokenizers in use, BERT's is known for it."""
    added = (token.content for token in tokenizer.get_added_tokens_decoder().values())
    return (
        isinstance(tokenizer.model, models.WordPiece)
        and isinstance(tokenizer.normalizer, normalizers.BertNormalizer)
        and isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
        and not any(character.isspace() for content in added for character in content)
    )
