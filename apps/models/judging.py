"""Causal models that answer whether a document meets a query: what they are asked, and which tokens are yes and no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.models.errors import UnsupportedModelError
from apps.models.modules import json_read, modules_listed

CAUSAL = "ForCausalLM"
INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands before the query, between it and the document, and after."""

    before: str
    between: str
    after: str


FRAMES = {
    "qwen3": Frame(
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct"
        ' provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
        "<|im_start|>user\n<Instruct>: {instruction}\n<Query>: ",
        "\n<Document>: ",
        "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    )
}
"""By `model_type`, how models are asked whose files do not say it."""


@dataclass(frozen=True, slots=True)
class Judge:
    """How such a model is asked: by a chat template that has the roles `query` and `document`, or by a known `frame`.

    `instruction` is what the files name for the system's part. `yes` and `no` are the ids of tokens, or the tokens themselves;
    without a `no` the score is that of `yes` alone.
    """

    template: str | None
    frame: Frame | None
    instruction: str | None
    yes: int | str
    no: int | str | None


def judges(path: Path, config: Mapping[str, Any]) -> bool:
    """Whether the checkpoint is a causal model that scores pairs: its files or its name say so, its architecture can't."""
    if not any(str(name).endswith(CAUSAL) for name in config.get("architectures") or []):
        return False
    stated = json_read(path / "config_sentence_transformers.json") or {}
    if stated.get("model_type") == "CrossEncoder" or any(name == "LogitScore" for name, _ in modules_listed(path)):
        return True
    # A snapshot in the hub's cache is called by its commit, two folders below the model's.
    hub = path.parent.parent.name
    return any("rerank" in name.lower() for name in (path.name, hub if hub.startswith("models--") else ""))


def judge_read(path: Path, config: Mapping[str, Any]) -> Judge:
    """How the checkpoint is asked.

    Raises:
        UnsupportedModelError: neither its files nor its family say how.
    """
    template, frame = _template(path), FRAMES.get(str(config.get("model_type")))
    if template is None and frame is None:
        raise UnsupportedModelError(
            f"{str(path)!r} has no chat template for the roles 'query' and 'document', and {config.get('model_type')!r} no"
            " form of its own.",
            action="Add a chat_template.jinja that writes both.",
        )
    yes, no = _answers(path)
    return Judge(template=template, frame=None if template else frame, instruction=_instruction(path), yes=yes, no=no)


def _template(path: Path) -> str | None:
    file = path / "chat_template.jinja"
    stated = (
        file.read_text(encoding="utf-8") if file.is_file() else _stated(path, "tokenizer_config.json", "chat_template")
    )
    # One for conversations knows neither role, and would leave both texts out.
    return stated if isinstance(stated, str) and "query" in stated and "document" in stated else None


def _instruction(path: Path) -> str | None:
    stated = json_read(path / "config_sentence_transformers.json") or {}
    return (stated.get("prompts") or {}).get(stated.get("default_prompt_name"))


def _answers(path: Path) -> tuple[int | str, int | str | None]:
    folders = [folder for name, folder in modules_listed(path) if name == "LogitScore"]
    if not folders:
        return "yes", "no"
    config = json_read(path / folders[0] / "config.json") or {}
    if config.get("module_input_name", "causal_logits") != "causal_logits" or "true_token_id" not in config:
        raise UnsupportedModelError(
            f"{str(path / folders[0])!r} scores by {config}.",
            action="Use a model that scores the logits of its last token.",
        )
    return int(config["true_token_id"]), config.get("false_token_id")


def _stated(path: Path, file: str, key: str) -> Any:
    return (json_read(path / file) or {}).get(key)
