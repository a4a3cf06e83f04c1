"""A tokenizer and a reranker made on the spot, for tests anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForQuestionAnswering, AutoModelForSequenceClassification

from apps.models.checkpoint import checkpoint_read, weights_sha256
from apps.models.installed_model import InstalledModel, ModelKind
from ragsite.core.ids import new_id

CORPUS = [
    "The tenant pays the rent on the first day of each month.",
    "A document version is made of chunks, and each chunk of a span of text.",
    "Water boils at one hundred degrees at the level of the sea.",
    "The engine answers a question with the passages that support it.",
]


def tokenizer_train() -> Tokenizer:
    """A WordPiece tokenizer that knows the corpus, saved with a truncation that must not be obeyed."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(CORPUS, trainer=trainers.WordPieceTrainer(vocab_size=200, special_tokens=special))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(max_length=4)
    tokenizer.enable_padding(length=4)
    return tokenizer


def cross_encoder_make(folder: Path, *, scores: int = 1, seed: int = 0, family: str = "bert", **config: Any) -> Path:
    """A two-layer encoder with random weights that reads pairs of texts; 48 tokens at most.

    The weights are larger than a new network's, so that scores differ by more than what the precision takes away.
    """
    tokenizer = tokenizer_train()
    torch.manual_seed(seed)
    settings = AutoConfig.for_model(
        family, vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=48, num_labels=scores, initializer_range=0.3, pad_token_id=0,
        **config,
    )  # fmt: skip
    AutoModelForSequenceClassification.from_config(settings).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def reranker_of(folder: Path) -> InstalledModel:
    """What would be registered of the folder."""
    return model_of_checkpoint(folder, ModelKind.RERANKING)


def reader_of(folder: Path) -> InstalledModel:
    """What would be registered of the folder."""
    return model_of_checkpoint(folder, ModelKind.READING)


def reader_make(folder: Path, *, seed: int = 0, family: str = "bert", marks: int = 2, **config: Any) -> Path:
    """A two-layer network with random weights that marks answers in passages; 48 tokens at most."""
    tokenizer = tokenizer_train()
    torch.manual_seed(seed)
    settings = AutoConfig.for_model(
        family, vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=48, num_labels=marks, initializer_range=0.3, pad_token_id=0,
        **config,
    )  # fmt: skip
    AutoModelForQuestionAnswering.from_config(settings).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def model_of_checkpoint(folder: Path, kind: ModelKind) -> InstalledModel:
    """What would be registered of the folder."""
    checkpoint = checkpoint_read(folder)
    sha256 = weights_sha256(checkpoint.weights)
    return InstalledModel(new_id(), folder.name, folder, sha256, checkpoint.max_tokens, kind)
