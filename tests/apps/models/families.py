"""Small random checkpoints of the families that people use, laid out as the real ones are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from sentence_transformers.base.modules import Dense, Normalize
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification

from tests.apps.models.making import tokenizer_train

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
    "CamemBERT": Family("camembert", DENSE_OF_BERT | {"pad_token_id": 1}, ROBERTA_SPECIAL, "<s> $A </s>", "mean"),
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


CROSS_ENCODERS: dict[str, Family] = {
    "BERT": Family("bert", DENSE_OF_BERT, BERT_SPECIAL, "", ""),
    **{
        name: Family(
            model_type, DENSE_OF_BERT | {"pad_token_id": 1, "type_vocab_size": 1}, ROBERTA_SPECIAL, "<s> $A </s>", "",
            pair_template="<s> $A </s> </s> $B </s>",
        )
        for name, model_type in {"RoBERTa": "roberta", "XLM-RoBERTa": "xlm-roberta", "CamemBERT": "camembert"}.items()
    },
    "DeBERTa": Family(
        "deberta-v2",
        DENSE_OF_BERT | {
            "type_vocab_size": 0, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8,
            "share_att_key": True, "norm_rel_ebd": "layer_norm", "pooler_dropout": 0,
        },
        BERT_SPECIAL, "", "",
    ),
    "ModernBERT": Family("modernbert", FAMILIES["ModernBERT"].config, BERT_SPECIAL, "", ""),
    "ModernBERT by the mean": Family(
        "modernbert", FAMILIES["ModernBERT"].config | {"classifier_pooling": "mean"}, BERT_SPECIAL, "", "",
    ),
}  # fmt: skip


def cross_encoder_of(folder: Path, family: Family) -> Path:
    """A cross-encoder of that family with one output."""
    network_write(folder, family, AutoModelForSequenceClassification, spread=0.3, num_labels=1)
    return folder


def judge_make(folder: Path, *, template: str | None = None, **config: Any) -> Path:
    """A causal model built as Qwen3-Reranker is, which reads more than the others: the question takes its part."""
    family = replace(FAMILIES["Qwen3"], template="$A")
    network_write(folder, family, AutoModelForCausalLM, tokens=400, **config)
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return folder


def network_write(
    folder: Path, family: Family, architecture: Any, *, tokens: int = TOKENS, spread: float = 0.1, **settings: Any
) -> None:
    """The family's tokenizer and a network with random weights.

    Weights are larger than a new network's, so that texts differ by more than what the precision takes away.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer_write(folder, family, tokens=tokens)
    offset = 2 if family.special is ROBERTA_SPECIAL else 0
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        family.model_type, vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=tokens + offset,
        initializer_range=spread, **family.config, **settings,
    )  # fmt: skip
    architecture.from_config(config).save_pretrained(folder)


def encoder_make(folder: Path, family: Family, *, steps: Sequence[Any] | None = None, **pooling: Any) -> Path:
    """A checkpoint of that family, or with other steps or settings of pooling, laid out as sentence-transformers does."""
    network_write(folder, family, AutoModel)
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


def tokenizer_write(folder: Path, family: Family, *, tokens: int = TOKENS) -> Tokenizer:
    """The family's tokenizer: word pieces where it has BERT's special tokens, else bytes joined to pairs."""
    tokenizer = tokenizer_train() if family.special is BERT_SPECIAL else _tokenizer_of_bytes(family)
    tokenizer.save(str(folder / "tokenizer.json"))
    json_write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast", "padding_side": family.padding_side, "model_max_length": tokens,
            "model_input_names": ["input_ids", "attention_mask", *(["token_type_ids"] if family.model_type == "bert" else [])],
            **{f"{role}_token": token for role, token in family.special.items()},
        },
    )  # fmt: skip
    return tokenizer


def json_write(file: Path, content: object) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


def _tokenizer_of_bytes(family: Family) -> Tokenizer:
    special = [*family.special.values(), *(["<|im_start|>"] if family.special is QWEN_SPECIAL else [])]
    joined = ["en", "ren", "rent", "er", "ter", "ye", "yes", "no"]
    merges = [("e", "n"), ("r", "en"), ("ren", "t"), ("e", "r"), ("t", "er"), ("y", "e"), ("ye", "s"), ("n", "o")]
    # Not trained: which of two pairs that are as frequent is joined first would differ from run to run.
    tokens = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet()), *joined]
    tokenizer = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges))
    tokenizer.add_special_tokens(special)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=family.template,
        pair=family.pair_template or None,
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in special],
    )
    return tokenizer
