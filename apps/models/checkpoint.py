"""Reads what a checkpoint folder says of itself. Needs neither torch nor transformers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.models.errors import UnsafeWeightsError, UnsupportedModelError
from apps.models.gguf import SUFFIX, gguf_file, gguf_head
from apps.models.installed_model import ModelKind
from apps.models.judging import Judge, judge_read, judges
from apps.models.kinds import KINDS, kind_recognised
from apps.models.modules import WEIGHTS, Modules, json_read, modules_read, scoring_check
from apps.models.prompts import Prompts, prompts_stated
from ragsite.core.errors import ModelNotFoundError

BLOCK = 1024 * 1024
WEIGHTS_INDEX = "model.safetensors.index.json"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
# These families number positions from padding_idx + 1, so that many of them hold no token.
OFFSET_POSITIONS = {"roberta", "xlm-roberta", "camembert", "mpnet"}
SPAN_HEAD = "qa_outputs.weight"
FLOAT_TYPES = {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint's configuration files say; `max_tokens` includes the special tokens.

    `dimensions` is the width of its vectors, `modules` how they are made of the states of tokens; both are None where its kind
    gives none. `weights` are the network's and then the modules'. `token_numbers` are the numbers that a token takes beside
    them while it is computed. `prompts` is None where the files name none, `judge` where the model does not answer yes or no.
    """

    path: Path
    kind: ModelKind
    weights: tuple[Path, ...]
    dimensions: int | None
    token_numbers: int
    max_tokens: int
    modules: Modules | None
    model_type: str | None
    prompts: Prompts | None
    judge: Judge | None

    @property
    def folder(self) -> Path:
        """Where its files lie; `path` is the file itself where there is only one."""
        return self.path if self.path.is_dir() else self.path.parent


def checkpoint_read(path: Path) -> Checkpoint:
    """Read the configuration of a model's folder: an embedding model as sentence-transformers lays it out, a cross-encoder, a
    model that marks answers, or a language model, which may be a GGUF file instead.

    Raises:
        ModelNotFoundError: there is no such folder.
        UnsafeWeightsError: it holds no safetensors.
        UnsupportedModelError: a file is missing or broken, or the model makes its vectors in a way that is not offered, gives
            several scores, has no head that marks spans, or writes without a chat template.
    """
    if (file := gguf_file(path)) is not None and not _has_tensors(path):
        return _of_gguf(path, file)
    if not path.is_dir():
        raise ModelNotFoundError(f"There is no model folder at {str(path)!r}.", action="Give the path of a checkpoint.")
    weights = _weights(path)
    config = _required_json(path, "config.json")
    if not (path / "tokenizer.json").is_file():
        raise UnsupportedModelError(
            f"{str(path)!r} has no tokenizer.json.", action="Save the model with its fast tokenizer."
        )
    kind = kind_recognised(path, config)
    if kind is ModelKind.GENERATION:
        _require_chat_template(path, found=_has_chat_template(path))
    row = KINDS[kind]
    modules = modules_read(path) if row.has_dimensions else None
    if kind is ModelKind.RERANKING:
        scoring_check(path)
    if kind is ModelKind.READING:
        _require_span_head(path, weights)
    return Checkpoint(
        path=path,
        kind=kind,
        weights=weights + (modules.weights if modules else ()),
        dimensions=_dimensions(path, config, modules) if modules else None,
        token_numbers=row.token_numbers(config),
        max_tokens=_max_tokens(path, config),
        modules=modules,
        model_type=config.get("model_type"),
        prompts=prompts_stated(json_read(path / "config_sentence_transformers.json") or {})
        if row.has_dimensions
        else None,
        judge=judge_read(path, config) if kind is ModelKind.RERANKING and judges(path, config) else None,
    )


def weights_sha256(weights: tuple[Path, ...]) -> str:
    """The SHA-256 of the weights as hex digits; of several files, that of the lines `digest  name`."""
    return digests_joined([(file_sha256(file), file.name) for file in weights])


def digests_joined(digests: list[tuple[str, str]]) -> str:
    """The digest of weights by those of their files, each with its file's name."""
    if len(digests) == 1:
        return digests[0][0]
    lines = "".join(f"{digest}  {name}\n" for digest, name in digests)
    return hashlib.sha256(lines.encode()).hexdigest()


def file_sha256(file: Path, *, told: Callable[[int], None] | None = None) -> str:
    """The SHA-256 of a file as hex digits; `told` is given the bytes of each block that was read."""
    with file.open("rb") as stream:
        if told is None:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        digest = hashlib.sha256()
        while block := stream.read(BLOCK):
            digest.update(block)
            told(len(block))
        return digest.hexdigest()


def parameter_count(weights: tuple[Path, ...]) -> int:
    """How many floating-point numbers the weights hold, read from the files' headers alone."""
    if weights[0].suffix == SUFFIX:
        return gguf_head(weights[0]).parameters
    return sum(_numbers(tensor) for file in weights for tensor in _header(file).values())


def _of_gguf(path: Path, file: Path) -> Checkpoint:
    """What a GGUF file says: it holds a language model with its tokenizer and its chat template."""
    head = gguf_head(file)
    config = head.config()
    _require_chat_template(path, found=head.has_chat_template)
    row = KINDS[ModelKind.GENERATION]
    return Checkpoint(
        path=path,
        kind=ModelKind.GENERATION,
        weights=(file,),
        dimensions=None,
        token_numbers=row.token_numbers(config),
        max_tokens=_first_number(
            (config.get("max_position_embeddings"),), missing=f"{str(file)!r} states no context length."
        ),
        modules=None,
        model_type=config["model_type"],
        prompts=None,
        judge=None,
    )


def _has_tensors(path: Path) -> bool:
    return any((path / name).is_file() for name in (WEIGHTS, WEIGHTS_INDEX))


def _has_chat_template(path: Path) -> bool:
    tokenizer = json_read(path / "tokenizer_config.json") or {}
    return bool(tokenizer.get("chat_template")) or (path / "chat_template.jinja").is_file()


def _require_chat_template(path: Path, *, found: bool) -> None:
    if not found:
        raise UnsupportedModelError(
            f"{str(path)!r} has no chat template, so nobody can tell how messages are put to this model.",
            action="Use the model's instruction-tuned version, or embed with a model that has a modules.json.",
        )


def _require_span_head(path: Path, weights: tuple[Path, ...]) -> None:
    """Refuse a model for question answering that does not say start and end of each token in one layer, and so quotes."""
    shapes = [tensor["shape"] for file in weights for name, tensor in _header(file).items() if name == SPAN_HEAD]
    if not shapes or shapes[0][:1] != [2]:
        has = f"one of shape {shapes[0]}" if shapes else "none"
        raise UnsupportedModelError(
            f"{str(path)!r} should mark an answer's start and end by {SPAN_HEAD!r}, of 2 rows; it has {has}.",
            action="Use a model for extractive question answering, trained on SQuAD 2.0 or alike.",
        )


def _weights(path: Path) -> tuple[Path, ...]:
    if (path / WEIGHTS).is_file():
        return (path / WEIGHTS,)
    index = json_read(path / WEIGHTS_INDEX)
    if index is None:
        raise UnsafeWeightsError(f"{str(path)!r} has no {WEIGHTS}{_pickled_instead(path)}.")
    files = tuple(path / name for name in sorted(set(index["weight_map"].values())))
    missing = [file.name for file in files if file.parent != path or not file.is_file()]
    if missing:
        raise UnsupportedModelError(f"{str(path)!r} lacks the weights {missing}.", action="Copy the folder again.")
    return files


def _pickled_instead(path: Path) -> str:
    found = sorted(file.name for pattern in PICKLED for file in path.glob(pattern))
    return f", only pickled weights ({', '.join(found)})" if found else ""


def _dimensions(path: Path, config: dict[str, Any], modules: Modules) -> int:
    stated = (
        modules.last_width,
        config.get("hidden_size"),
        config.get("dim"),
        config.get("d_model"),
    )
    return _first_number(stated, missing=f"{str(path / 'config.json')!r} states no hidden_size.")


def _max_tokens(path: Path, config: dict[str, Any]) -> int:
    sentence = json_read(path / "sentence_bert_config.json") or {}
    tokenizer = json_read(path / "tokenizer_config.json") or {}
    positions = config.get("max_position_embeddings")
    if positions and config.get("model_type") in OFFSET_POSITIONS:
        positions -= int(config.get("pad_token_id") or 0) + 1
    stated = sentence.get("max_seq_length") or tokenizer.get("model_max_length")
    limits = [limit for limit in (stated, positions) if limit]
    return _first_number(
        (min(limits, default=None),), missing=f"{str(path)!r} states no max_seq_length, nor a number of positions."
    )


def _first_number(stated: tuple[Any, ...], *, missing: str) -> int:
    for value in stated:
        # Tokenizers without a limit state 10**30.
        if value and 0 < value < 10**7:
            return int(value)
    raise UnsupportedModelError(missing, action="Add it to the checkpoint's configuration.")


def _required_json(path: Path, name: str) -> dict[str, Any]:
    content = json_read(path / name)
    if not isinstance(content, dict):
        raise UnsupportedModelError(f"{str(path)!r} has no {name}.", action="Copy the whole checkpoint folder.")
    return content


def _header(file: Path) -> dict[str, dict[str, Any]]:
    """The tensors a safetensors file declares: 8 bytes of length, then JSON (the format's own description)."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > file.stat().st_size:
            raise UnsupportedModelError(
                f"{str(file)!r} is not a safetensors file.", action="Copy the checkpoint again."
            )
        header: dict[str, dict[str, Any]] = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    return header


def _numbers(tensor: dict[str, Any]) -> int:
    if tensor["dtype"] not in FLOAT_TYPES:
        return 0
    count = 1
    for size in tensor["shape"]:
        count *= int(size)
    return count
