"""Reads the head of a GGUF file: what it says of its model, and the sizes of its tensors. Needs neither torch nor transformers.

The layout is the format's own (version 2 and 3, little-endian): counts, then named values, then a line for each tensor.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from apps.models.errors import UnsupportedModelError

SUFFIX = ".gguf"
MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_ENTRIES = 1_000_000
"""Of values, of tensors, and of the elements of a list; real files have some hundred thousand."""

_STRING, _ARRAY, _BOOLEAN = 8, 9, 7
_NUMBERS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip

# Names in config.json, and in a file of this format behind the name of the architecture.
_CONFIG = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "max_position_embeddings": "context_length",
}
_MODEL_TYPES = {"gemma3": "gemma3_text"}


@dataclass(frozen=True, slots=True)
class GgufHead:
    """`values` by name, of a list only how long it is; `parameters` of all tensors together."""

    values: dict[str, Any]
    parameters: int
    tensors: frozenset[str]

    def config(self) -> dict[str, Any]:
        """The same facts as a config.json of transformers states them."""
        architecture = str(self.values.get("general.architecture", ""))
        stated = {name: self.values.get(f"{architecture}.{key}") for name, key in _CONFIG.items()}
        vocabulary = self.values.get("tokenizer.ggml.tokens") or self.values.get(f"{architecture}.vocab_size")
        found = {name: value for name, value in stated.items() if value} | {"vocab_size": vocabulary}
        return found | {
            "model_type": _MODEL_TYPES.get(architecture, architecture),
            "architectures": [f"{architecture}ForCausalLM"],
            "tie_word_embeddings": "output.weight" not in self.tensors,
        }

    @property
    def has_chat_template(self) -> bool:
        return bool(self.values.get("tokenizer.chat_template"))


def gguf_file(path: Path) -> Path | None:
    """The file of that format which is meant: this one, or the only one in the folder; None where there is none.

    Raises:
        UnsupportedModelError: the folder has several.
    """
    if path.is_file():
        return path if path.suffix == SUFFIX else None
    found = sorted(path.glob(f"*{SUFFIX}"))
    if len(found) > 1:
        raise UnsupportedModelError(
            f"{str(path)!r} has {len(found)} GGUF files: {', '.join(file.name for file in found[:4])}.",
            action="Give the path of the one to use.",
        )
    return found[0] if found else None


def gguf_head(file: Path) -> GgufHead:
    """What the file says of itself; its tensors are not read.

    Raises:
        UnsupportedModelError: it is not of the format, or broken.
    """
    with file.open("rb") as stream:
        try:
            return _Reader(stream, file.stat().st_size).head()
        except (struct.error, UnicodeDecodeError, _BrokenError) as error:
            raise UnsupportedModelError(
                f"{str(file)!r} is not a GGUF file that can be read: {error}.", action="Copy the file again."
            ) from error


class _BrokenError(ValueError):
    """The file contradicts its format."""


class _Reader:
    """Reads on from where it is; no length in the file is believed beyond the file's own size."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._size = size

    def head(self) -> GgufHead:
        if self._stream.read(4) != MAGIC:
            raise _BrokenError("it does not begin as one")
        if (version := self._number("<I")) not in VERSIONS:
            raise _BrokenError(f"its version is {version}, where 2 and 3 are known")
        tensors, entries = self._count(), self._count()
        values = dict(self._entry() for _ in range(entries))
        sizes = dict(self._tensor() for _ in range(tensors))
        return GgufHead(values, sum(sizes.values()), frozenset(sizes))

    def _entry(self) -> tuple[str, Any]:
        return self._string(), self._value(self._number("<I"))

    def _tensor(self) -> tuple[str, int]:
        """Its name, and how many numbers it holds."""
        name, dimensions = self._string(), self._number("<I")
        if dimensions > 8:
            raise _BrokenError(f"the tensor {name!r} has {dimensions} dimensions")
        numbers = math.prod(self._number("<Q") for _ in range(dimensions))
        self._number("<I"), self._number("<Q")  # Its type, and where it lies.
        return name, numbers

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _BOOLEAN:
            return bool(self._number("<B"))
        if kind == _ARRAY:
            return self._skipped_list()
        if kind not in _NUMBERS:
            raise _BrokenError(f"it has a value of the unknown type {kind}")
        return self._number(_NUMBERS[kind])

    def _skipped_list(self) -> int:
        """How long the list is that stands here."""
        kind, length = self._number("<I"), self._count()
        if kind == _ARRAY:
            raise _BrokenError("it has a list of lists")
        for _ in range(length):
            self._value(kind)
        return length

    def _string(self) -> str:
        length = self._number("<Q")
        if length > self._size:
            raise _BrokenError(f"a text of {length} bytes in a file of {self._size}")
        return self._bytes(length).decode("utf-8", errors="replace")

    def _count(self) -> int:
        count: int = self._number("<Q")
        if count > MOST_ENTRIES:
            raise _BrokenError(f"it counts {count} entries, more than {MOST_ENTRIES}")
        return count

    def _number(self, layout: str) -> Any:
        return struct.unpack(layout, self._bytes(struct.calcsize(layout)))[0]

    def _bytes(self, length: int) -> bytes:
        found = self._stream.read(length)
        if len(found) < length:
            raise _BrokenError("it ends too early")
        return found
