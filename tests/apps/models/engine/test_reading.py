from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForQuestionAnswering, PreTrainedTokenizerFast

from apps.models.engine.batching import EngineRunner
from apps.models.engine.reading import ReadingEngine
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.errors import UnsupportedModelError
from apps.models.priority import Priority
from apps.models.reading import readings_of
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError
from tests.apps.models.making import reader_make, reader_of
from tests.apps.models.readers import LEARNED, RENT, WATER, WHEN, reader_train

EXACT = EngineSettings(precision=Precision.FLOAT32, threads=2)
PASSAGES = [RENT, "", f"{WATER} " * 12, "rent", "naïve 東京 €5"]
PAIRS = [(WHEN, passage) for passage in PASSAGES]
TAUGHT = [(question, passage) for question, passage, _ in LEARNED]
ANSWERS = [answer for _, _, answer in LEARNED]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reader_train(tmp_path_factory.mktemp("reader"))


def engine_loaded(folder: Path, settings: EngineSettings = EXACT) -> ReadingEngine:
    engine = ReadingEngine(reader_of(folder), settings)
    engine.load()
    return engine


def answers_of(engine: ReadingEngine, pairs: list[tuple[str, str]] = TAUGHT) -> list[str]:
    """The texts of the spans that answer; empty where none does."""
    passages = [passage for _, passage in pairs]
    found = zip(readings_of(engine.run(pairs), passages), passages, strict=True)
    return [passage[one.start : one.end] if one.answers(0.0) else "" for one, passage in found]


def reference(folder: Path, pairs: list[tuple[str, str]], *, max_tokens: int, stride: int) -> np.ndarray:
    """Plain transformers in float32, window by window, and every span of each looked at."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    network = AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()
    rows = []
    for question, passage in pairs:
        windows = tokenizer(
            [(question, passage)], truncation="only_second", max_length=max_tokens, stride=stride,
            return_overflowing_tokens=True, return_offsets_mapping=True,
        )  # fmt: skip
        spans, nothing = [(0.0, 0.0, -np.inf)], []
        for number, ids in enumerate(windows["input_ids"]):
            with torch.inference_mode():
                types = {"token_type_ids": torch.tensor([windows["token_type_ids"][number]])}
                knows_types = getattr(network.config, "type_vocab_size", 0) > 1
                told = network(input_ids=torch.tensor([ids]), **types if knows_types else {})
            starts, ends = told.start_logits[0].numpy(), told.end_logits[0].numpy()
            nothing.append(starts[0] + ends[0])
            places = [place for place, text in enumerate(windows.sequence_ids(number)) if text == 1]
            offsets = windows["offset_mapping"][number]
            spans += [
                (offsets[first][0], offsets[last][1], starts[first] + ends[last])
                for first in places
                for last in places
                if first <= last < first + 30
            ]
        best = max(spans, key=lambda span: span[2])
        rows.append((*best[:2], best[2] if best[1] else min(nothing), min(nothing)))
    return np.array(rows, dtype=np.float32)


@pytest.mark.parametrize(
    ("family", "types", "packed"),
    [("bert", 2, True), ("roberta", 1, True), ("electra", 2, False), ("distilbert", 0, False)],
)
def test_spans_and_scores_are_those_of_plain_transformers(
    tmp_path: Path, family: str, types: int, packed: bool
) -> None:
    folder = reader_make(tmp_path, family=family, **{"type_vocab_size": types} if types else {})
    engine = engine_loaded(folder)
    assert engine.packed is packed

    found = engine.run(PAIRS)

    assert (found.shape, found.dtype) == ((len(PAIRS), 4), np.float32)
    # Of the tokens beside the three special ones a quarter is read twice.
    most = engine.model.max_tokens
    expected = reference(folder, PAIRS, max_tokens=most, stride=(most - 3) // 4)
    assert found[:, :2].tolist() == expected[:, :2].tolist()
    assert found[:, 2:] == pytest.approx(expected[:, 2:], abs=1e-4)
    assert np.ptp(found[:, 2]) > 0.05


def test_it_finds_what_it_learned_and_refuses_where_there_is_no_answer(trained: Path) -> None:
    assert answers_of(engine_loaded(trained)) == ANSWERS


def test_half_precision_finds_and_refuses_the_same_however_the_cpu_computes(trained: Path, either_cpu: None) -> None:
    assert answers_of(engine_loaded(trained, EngineSettings(precision=Precision.BFLOAT16, threads=2))) == ANSWERS


def test_what_it_finds_hangs_neither_on_the_batch_nor_on_its_size(trained: Path) -> None:
    engine = engine_loaded(trained)
    small = engine_loaded(trained, EngineSettings(precision=Precision.FLOAT32, threads=2, batch_tokens=64))
    pairs = [*TAUGHT, *PAIRS]

    together = engine.run(pairs)

    assert engine.run(pairs).tobytes() == together.tobytes()
    for other in (np.concatenate([engine.run([pair]) for pair in pairs]), small.run(pairs)):
        assert other[:, :2].tolist() == together[:, :2].tolist()
        assert other == pytest.approx(together, abs=1e-4)


def test_no_run_of_the_network_is_larger_than_a_batch_however_long_a_passage_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_loaded(reader_make(tmp_path), EngineSettings(precision=Precision.FLOAT32, batch_tokens=100))
    sizes: list[int] = []
    logits = engine._logits
    monkeypatch.setattr(engine, "_logits", lambda net, pairs: sizes.append(sum(map(len, pairs))) or logits(net, pairs))

    engine.run([(WHEN, f"{RENT} " * 20)])

    assert len(sizes) > 2
    assert max(sizes) <= 100


def test_an_answer_behind_the_first_window_is_found(trained: Path) -> None:
    pair = TAUGHT[2]
    engine = engine_loaded(trained)
    assert len(engine.encode([pair])[0].windows) > 2

    assert answers_of(engine, [pair]) == [ANSWERS[2]]


def test_passages_of_many_callers_are_batched_and_each_gets_its_own(trained: Path) -> None:
    engine = engine_loaded(trained)
    runner = EngineRunner(engine)
    until = time.monotonic() + 60
    futures = [runner.submit([pair], priority=Priority.INTERACTIVE, deadline=until) for pair in TAUGHT]
    together = np.concatenate([future.result(60) for future in futures])
    runner.close()
    assert together == pytest.approx(engine.run(TAUGHT), abs=1e-4)


def test_an_unloaded_engine_says_so(trained: Path) -> None:
    engine = engine_loaded(trained)
    inputs = engine.encode(PAIRS)
    engine.unload()
    for call in (lambda: engine.encode(PAIRS), lambda: engine.forward(inputs)):
        with pytest.raises(ModelUnavailableError, match="is not loaded"):
            call()


def test_other_weights_than_those_registered_are_refused(tmp_path: Path) -> None:
    model = reader_of(reader_make(tmp_path))
    reader_make(tmp_path, seed=1)
    with pytest.raises(ModelNotFoundError, match="have changed"):
        ReadingEngine(model, EXACT).load()


def test_a_network_without_all_its_weights_is_refused(tmp_path: Path) -> None:
    folder = reader_make(tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["qa_outputs.bias"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UnsupportedModelError, match=r"lack \['qa_outputs.bias'\]"):
        engine_loaded(folder)
