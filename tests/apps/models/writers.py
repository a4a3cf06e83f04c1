"""Language models made on the spot, and the real small one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from apps.models.checkpoint import checkpoint_read, weights_sha256
from apps.models.installed_model import InstalledModel, ModelKind
from ragsite.core.ids import new_id
from tests.apps.models.making import CORPUS

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<pad>", "<|im_start|>", "<|im_end|>"]
WINDOW = 24
"""Tokens that the families with sliding windows see."""

SLIDING = {"sliding_window": WINDOW}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": SLIDING,
    "qwen2": SLIDING | {"use_sliding_window": True, "max_window_layers": 1},
    "qwen3": {"head_dim": 16},
    "gemma": {"head_dim": 16},
    "gemma2": SLIDING | {"tie_word_embeddings": False, "head_dim": 16, "query_pre_attn_scalar": 16},
    "gemma3_text": SLIDING
    | {"tie_word_embeddings": False, "head_dim": 16, "layer_types": ["sliding_attention", "full_attention"]},
    "smollm3": {},
}
"""Those that are written in batches, with what is particular to each."""


def tokenizer_of_bytes(*, template: str | None = TEMPLATE) -> PreTrainedTokenizerFast:
    """A tokenizer whose every byte is a token, so that a character may take several."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer=trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<|im_end|>")
    fast.chat_template = template
    return fast


def writer_make(
    folder: Path,
    *,
    family: str = "llama",
    seed: int = 0,
    template: str | None = TEMPLATE,
    positions: int = 512,
    **config: Any,
) -> Path:
    """A two-layer language model with random weights, laid out as transformers does."""
    tokenizer = tokenizer_of_bytes(template=template)
    torch.manual_seed(seed)
    settings = AutoConfig.for_model(
        family, **{
            "vocab_size": len(tokenizer), "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": positions,
            "initializer_range": 0.3, "pad_token_id": 0, "bos_token_id": None, "eos_token_id": 2,
        } | FAMILIES.get(family, {}) | config,
    )  # fmt: skip
    AutoModelForCausalLM.from_config(settings).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def gguf_make(file: Path) -> Path:
    """The head of a language model and two of its tensors, written by the format's own library."""
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(8)
    writer.add_block_count(2)
    writer.add_feed_forward_length(16)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_chat_template("{{ messages }}")
    writer.add_token_list(["a", "b", "c"])
    writer.add_bool("general.flag", True)
    writer.add_float32("general.share", 0.5)
    writer.add_tensor("token_embd.weight", np.zeros((3, 8), dtype=np.float32))
    writer.add_tensor("output_norm.weight", np.zeros(8, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def writer_of(path: Path) -> InstalledModel:
    """What would be registered of the folder or file."""
    checkpoint = checkpoint_read(path)
    sha256 = weights_sha256(checkpoint.weights)
    return InstalledModel(new_id(), path.stem, path, sha256, checkpoint.max_tokens, ModelKind.GENERATION)
