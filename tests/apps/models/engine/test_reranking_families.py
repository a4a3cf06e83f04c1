"""Rerankers of each family, as sentence-transformers' CrossEncoder scores pairs with the same folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from transformers import AutoModelForCausalLM, AutoTokenizer

from apps.models.checkpoint import checkpoint_read
from apps.models.engine.reranking import RerankingEngine
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.errors import UnsupportedModelError
from apps.models.installed_model import ModelKind
from tests.apps.models.families import CROSS_ENCODERS, cross_encoder_of, json_write, judge_make
from tests.apps.models.making import reranker_of

QUERY = "When does the tenant pay the rent?"
TEXTS = [
    "The tenant pays the rent on the first day of each month.",
    "",
    "Water boils at one hundred degrees at the level of the sea. " * 20,
    "rent",
    "naïve 東京 €5",
]
PAIRS = [(QUERY, text) for text in TEXTS]
TEMPLATE = (
    "<|im_start|>system\n"
    "{{ messages | selectattr('role', 'eq', 'system') | map(attribute='content') | first | default('Judge.') }}<|im_end|>\n"
    "<Query>: {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first }}\n"
    "<Document>: {{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first }}"
    "<|im_end|>\n<think>\n\n</think>\n\n"
)
STRUCTURED = (
    "<Query>: {{ (messages | selectattr('role', 'eq', 'query') | first).content[0].text }}\n"
    "<Document>: {{ (messages | selectattr('role', 'eq', 'document') | first).content[0].text }}<|im_end|>\n"
)
PREFIX = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
)
SUFFIX = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
INSTRUCT = "Given a web search query, retrieve relevant passages that answer the query"


def scores_of(folder: Path, precision: Precision = Precision.FLOAT32) -> np.ndarray:
    engine = RerankingEngine(reranker_of(folder), EngineSettings(precision=precision, threads=2))
    engine.load()
    return engine.run(PAIRS)[:, 0]


def judge_saved(folder: Path, saved: Path, **named: Any) -> Path:
    """The judge as sentence-transformers saves it, with modules, template and prompts."""
    CrossEncoder(str(folder), device="cpu", **named).save_pretrained(str(saved))
    return saved


def predicted(folder: Path) -> np.ndarray:
    """What CrossEncoder predicts, before the function that brings it between 0 and 1."""
    return CrossEncoder(str(folder), device="cpu").predict(PAIRS, activation_fn=torch.nn.Identity())


@pytest.mark.parametrize("name", CROSS_ENCODERS)
def test_a_cross_encoder_scores_as_sentence_transformers_does(tmp_path: Path, name: str) -> None:
    folder = cross_encoder_of(tmp_path, CROSS_ENCODERS[name])

    scores = scores_of(folder)

    assert scores == pytest.approx(predicted(folder), abs=1e-3)
    assert np.ptp(scores) > 0.01
    between = CrossEncoder(str(folder), device="cpu").predict(PAIRS)
    assert 1 / (1 + np.exp(-scores)) == pytest.approx(between, abs=1e-3)


@pytest.mark.parametrize("name", CROSS_ENCODERS)
def test_half_precision_keeps_its_scores_nearly_on_either_cpu(tmp_path: Path, name: str, either_cpu: None) -> None:
    folder = cross_encoder_of(tmp_path, CROSS_ENCODERS[name])

    exact, half = scores_of(folder), scores_of(folder, Precision.BFLOAT16)

    assert np.sqrt(((half - exact) ** 2).mean()) < 0.35 * exact.std()


@pytest.mark.parametrize(
    ("template", "instruction"),
    [(TEMPLATE, None), (TEMPLATE, "Judge whether the text answers."), (STRUCTURED, None)],
    ids=["plain", "with an instruction", "with parts of a message"],
)
def test_a_judge_is_asked_by_its_own_template(tmp_path: Path, template: str, instruction: str | None) -> None:
    named: dict[str, Any] = {"prompts": {"answer": instruction}, "default_prompt_name": "answer"} if instruction else {}
    folder = judge_saved(judge_make(tmp_path / "made", template=template), tmp_path / "judge", **named)

    scores = scores_of(folder)

    assert scores == pytest.approx(predicted(folder), abs=1e-3)
    assert np.ptp(scores) > 0.01


def test_a_judge_whose_files_name_the_tokens_answers_with_them(tmp_path: Path) -> None:
    folder = judge_make(tmp_path / "judge", template=TEMPLATE)
    saved = judge_saved(folder, tmp_path / "saved")
    config = saved / "1_LogitScore" / "config.json"
    json_write(config, json.loads(config.read_text()) | {"true_token_id": 200, "false_token_id": None})

    assert checkpoint_read(saved).kind is ModelKind.RERANKING
    assert scores_of(saved) == pytest.approx(predicted(saved), abs=1e-3)
    assert scores_of(saved) != pytest.approx(scores_of(folder.rename(tmp_path / "reranker")), abs=1e-3)


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
def test_a_qwen3_reranker_is_asked_as_its_authors_do(tmp_path: Path, precision: Precision) -> None:
    folder = judge_make(tmp_path / "Qwen3-Reranker-0.6B")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    yes, no = tokenizer.convert_tokens_to_ids("yes"), tokenizer.convert_tokens_to_ids("no")
    end = tokenizer.encode(SUFFIX, add_special_tokens=False)
    expected = []
    for query, text in PAIRS:
        asked = f"{PREFIX}<Instruct>: {INSTRUCT}\n<Query>: {query}\n<Document>: {text}"
        ids = tokenizer.encode(asked, add_special_tokens=False)[: 400 - len(end)] + end
        with torch.inference_mode():
            last = network(torch.tensor([ids])).logits[0, -1]
        expected.append(float(last[yes] - last[no]))

    scores = scores_of(folder, precision)

    assert scores == pytest.approx(expected, abs=1e-3 if precision is Precision.FLOAT32 else 0.1)
    assert np.ptp(scores) > 0.01


@pytest.mark.parametrize("tied", [True, False])
def test_of_a_judge_only_what_it_needs_stays_in_memory(tmp_path: Path, tied: bool) -> None:
    folder = judge_make(tmp_path / "reranker", tie_word_embeddings=tied)
    engine = RerankingEngine(reranker_of(folder), EngineSettings(precision=Precision.FLOAT32, threads=2))
    engine.load()

    assert not engine.packed
    assert not any("lm_head" in name for name, _ in engine._network.named_parameters())
    assert sum(tensor.nbytes for tensor in engine._network.parameters()) <= engine.weights_bytes()


def test_a_causal_model_that_nothing_calls_a_reranker_is_taken_for_one_that_writes(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="no chat template, so nobody can tell how messages are put"):
        checkpoint_read(judge_make(tmp_path / "Qwen3-0.6B"))


def test_a_judge_that_nobody_knows_how_to_ask_is_refused(tmp_path: Path) -> None:
    folder = judge_make(tmp_path / "reranker")
    config = folder / "config.json"
    json_write(config, json.loads(config.read_text()) | {"model_type": "llama"})

    with pytest.raises(UnsupportedModelError, match="no chat template for the roles 'query' and 'document'"):
        checkpoint_read(folder)


@pytest.mark.parametrize(
    "template",
    [
        "{# query document #}{{ messages[0].content }}",
        "{# query document #}{{ messages[1].content }}{{ messages[0].content }}",
        "{{ query(document) }}",
    ],
)
def test_a_template_that_leaves_a_text_out_or_turns_them_round_is_refused(tmp_path: Path, template: str) -> None:
    folder = judge_make(tmp_path / "reranker", template=template)

    with pytest.raises(UnsupportedModelError, match="does not write the query once and then the document once"):
        scores_of(folder)


@pytest.mark.parametrize(
    "answers", [{"true_token_id": 10**6}, {"true_token_id": 200, "false_token_id": 10**6}], ids=str
)
def test_an_answer_that_is_no_token_is_refused(tmp_path: Path, answers: dict[str, int]) -> None:
    folder = judge_make(tmp_path / "judge", template=TEMPLATE)
    modules = [("", "base.modules.transformer.Transformer"), ("1_LogitScore", "cross_encoder.modules.LogitScore")]
    json_write(
        folder / "modules.json", [{"path": path, "type": f"sentence_transformers.{kind}"} for path, kind in modules]
    )
    json_write(folder / "1_LogitScore" / "config.json", answers)

    with pytest.raises(UnsupportedModelError, match="no token 1000000"):
        scores_of(folder)


def test_a_reranker_with_further_steps_is_refused(tmp_path: Path) -> None:
    folder = cross_encoder_of(tmp_path, CROSS_ENCODERS["BERT"])
    kinds = ["Transformer", "Dense"]
    json_write(
        folder / "modules.json", [{"type": f"sentence_transformers.models.{kind}", "path": kind} for kind in kinds]
    )

    with pytest.raises(UnsupportedModelError, match="the steps Dense"):
        checkpoint_read(folder)
