"""Small random checkpoints of the families that people use, laid out as the real ones are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from sentence_transformers.base.modules import Dense, Normalize
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModel

from tests.apps.models.making import CORPUS, tokenizer_train

WIDTH, TOKENS = 32, 48
BERT_SPECIAL = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]"}
ROBERTA_SPECIAL = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>"}
QWEN_SPECIAL = {"pad": "<|endoftext|>", "eos": "<|im_end|>"}
GEMMA_SPECIAL = {"pad": "<pad>", "eos": "<eos>", "bos": "<bos>", "unk": "<unk>"}
DENSE_OF_BERT = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


@dataclass(frozen=True, slots=True)
class Family:
    """A `model_type` with its settings, the tokens it adds to each text, and how its texts become vectors."""

    model_type: str
    config: dict[str, Any]
    special: dict[str, str]
    template: str
    pooling: str
    pair_template: str = ""
    prompts: dict[str, str] = field(default_factory=dict)
    steps: tuple[Any, ...] = ()
    padding_side: str = "right"


FAMILIES: dict[str, Family] = {
    "MiniLM": Family("bert", DENSE_OF_BERT, BERT_SPECIAL, "[CLS] $A [SEP]", "mean", steps=(Normalize(),)),
    "BGE": Family(
        "bert", DENSE_OF_BERT, BERT_SPECIAL, "[CLS] $A [SEP]", "cls", steps=(Normalize(),),
        prompts={"query": "the engine answers: "},
    ),
    "RoBERTa": Family("roberta", DENSE_OF_BERT | {"pad_token_id": 1}, ROBERTA_SPECIAL, "<s> $A </s>", "mean"),
    "multilingual E5": Family(
        "xlm-roberta", DENSE_OF_BERT | {"pad_token_id": 1, "type_vocab_size": 1}, ROBERTA_SPECIAL, "<s> $A </s>", "mean",
        prompts={"query": "query: ", "document": "passage: "}, steps=(Normalize(),),
    ),
    "MPNet": Family("mpnet", DENSE_OF_BERT | {"pad_token_id": 1}, ROBERTA_SPECIAL, "<s> $A </s>", "mean"),
    "DistilBERT": Family(
        "distilbert", {"dim": WIDTH, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}, BERT_SPECIAL, "[CLS] $A [SEP]", "mean",
    ),
    "ModernBERT": Family(
        "modernbert",
        DENSE_OF_BERT | {
            "num_hidden_layers": 4, "layer_types": ["full_attention", "sliding_attention"] * 2, "local_attention": 8,
            "pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3,
        },
        BERT_SPECIAL, "[CLS] $A [SEP]", "cls",
    ),
    "NomicBERT": Family(
        "nomic_bert", DENSE_OF_BERT, BERT_SPECIAL, "[CLS] $A [SEP]", "mean",
        prompts={"query": "search_query: ", "document": "search_document: "},
    ),
    "Qwen3": Family(
        "qwen3", DENSE_OF_BERT | {"num_key_value_heads": 1, "head_dim": 16, "eos_token_id": 0},
        QWEN_SPECIAL, "$A <|endoftext|>", "lasttoken", steps=(Normalize(),), padding_side="left",
        prompts={"query": "Instruct: answer\nQuery:", "document": ""},
    ),
    "EmbeddingGemma": Family(
        "gemma3_text",
        DENSE_OF_BERT | {
            "num_key_value_heads": 1, "head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 8,
            "layer_types": ["sliding_attention", "full_attention"], "use_bidirectional_attention": True,
        },
        GEMMA_SPECIAL, "<bos> $A <eos>", "mean",
        prompts={"query": "task: search result | query: ", "document": "title: none | text: "},
        steps=(
            Dense(WIDTH, 4 * WIDTH, bias=False, activation_function=torch.nn.Identity()),
            Dense(4 * WIDTH, WIDTH, bias=False, activation_function=torch.nn.Identity()),
            Normalize(),
        ),
    ),
}  # fmt: skip


def encoder_make(folder: Path, family: Family, *, steps: Sequence[Any] | None = None, **pooling: Any) -> Path:
    """A checkpoint of that family, or with other steps or settings of pooling, laid out as sentence-transformers does.

    Weights are larger than a new network's, so that texts differ by more than what the precision takes away.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer_write(folder, family)
    offset = 2 if family.special is ROBERTA_SPECIAL else 0
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        family.model_type, vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=TOKENS + offset,
        initializer_range=0.3, **family.config,
    )  # fmt: skip
    AutoModel.from_config(config).save_pretrained(folder)
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    json_write(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": WIDTH, **({"pooling_mode": family.pooling} | pooling)},
    )
    for number, step in enumerate(family.steps if steps is None else steps, start=2):
        name = f"{number}_{type(step).__name__}"
        (folder / name).mkdir()
        step.save(str(folder / name))
        modules.append((name, type(step).__name__))
    json_write(
        folder / "modules.json",
        [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{name}"}
            for number, (path, name) in enumerate(modules)
        ],
    )
    json_write(folder / "sentence_bert_config.json", {"max_seq_length": TOKENS, "do_lower_case": False})
    json_write(folder / "config_sentence_transformers.json", {"prompts": family.prompts, "default_prompt_name": None})
    return folder


def tokenizer_write(folder: Path, family: Family) -> Tokenizer:
    """The family's tokenizer: word pieces where it has BERT's special tokens, else bytes joined to pairs."""
    tokenizer = tokenizer_train() if family.special is BERT_SPECIAL else _tokenizer_of_bytes(family)
    tokenizer.save(str(folder / "tokenizer.json"))
    json_write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast", "padding_side": family.padding_side, "model_max_length": TOKENS,
            **{f"{role}_token": token for role, token in family.special.items()},
        },
    )  # fmt: skip
    return tokenizer


def json_write(file: Path, content: object) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


def _tokenizer_of_bytes(family: Family) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = list(family.special.values())
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(CORPUS, trainer=trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=family.template,
        pair=family.pair_template or None,
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in special],
    )
    return tokenizer
