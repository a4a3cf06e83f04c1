"""Texts written in one batch are those that each would be alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForCausalLM

from apps.models.engine.generation import engine as engine_module
from apps.models.engine.generation import shared
from apps.models.engine.generation.attention import ATTENTION
from apps.models.engine.generation.decoders import BatchDecoder, SequentialDecoder
from apps.models.engine.generation.engine import GenerationEngine
from apps.models.engine.generation.request import Writing
from apps.models.engine.generation.shared import SharedForward, Step
from apps.models.engine.generation.slots import SharedSlots, Slots, SlotShape
from apps.models.generation import Finish, GenerationOptions
from tests.apps.models.engine.generation.running import engine_load, greedy, reference
from tests.apps.models.engine.varlen import varlen_reference
from tests.apps.models.writers import FAMILIES, WINDOW, writer_make, writer_of

TOKENS = 24
ENDS = frozenset({2})


def writing(prompt: list[int], *, tokens: int = TOKENS, **options: Any) -> Writing:
    return Writing(
        prompt,
        max_tokens=tokens,
        options=GenerationOptions(**options),
        deadline=time.monotonic() + 60,
        decode=lambda ids: "",
    )


DecoderOf = Callable[..., BatchDecoder]


@pytest.fixture(params=["slot by slot", "all slots at once"])
def decoder_of(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> DecoderOf:
    """Makes decoders that attend in one of the two ways, with a network whose attention becomes ours.

    In the place of what only CUDA has is a reference; a graph is the step itself, with what it reads and where it writes fixed.
    """
    monkeypatch.setattr(shared, "varlen_attn", varlen_reference)

    def make(network: Any, *, slots: int = 3, chunk_tokens: int = 8) -> BatchDecoder:
        options: dict[str, Any] = {"dtype": torch.float32, "device": torch.device("cpu")}
        shape = SlotShape.of(network.config, tokens=256)
        if request.param == "slot by slot" or network.config.model_type == "gemma2":
            network.set_attn_implementation(ATTENTION)
            return BatchDecoder(network, Slots(shape, slots, **options), ends=ENDS, chunk_tokens=chunk_tokens)
        network.set_attn_implementation(shared.ATTENTION)
        together = SharedSlots(shape, slots, **options)
        forward = SharedForward(network, together, capture=capture_reference)
        return BatchDecoder(network, together, ends=ENDS, chunk_tokens=chunk_tokens, forward=forward)

    return make


def capture_reference(step: Step) -> Step:
    """As a graph does, leaves the result where that of the first run lay."""
    found = step()

    def replay() -> torch.Tensor:
        with torch.inference_mode():
            return found.copy_(step())

    return replay


def run(decoder: BatchDecoder | SequentialDecoder, *writings: Writing) -> list[list[int]]:
    """All of them from beginning to end."""
    for one in writings:
        decoder.join(one)
    joined = list(writings)
    while joined:
        decoder.step(beat=lambda: None)
        for one in [one for one in joined if one.is_over]:
            decoder.leave(one)
            joined.remove(one)
    return [one.written for one in writings]


def prompt_of(number: int, length: int) -> list[int]:
    generator = torch.Generator().manual_seed(number)
    return [int(token) for token in torch.randint(3, 300, (length,), generator=generator)]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A Llama whose attention is ours."""
    engine = engine_load(writer_of(writer_make(tmp_path_factory.mktemp("llama"))))
    return engine._network


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same with transformers' own attention."""
    return reference(writer_make(tmp_path_factory.mktemp("llama_own")))


def test_the_families_tested_are_those_that_are_written_in_batches() -> None:
    assert set(FAMILIES) == engine_module.FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_writes_what_generate_writes(decoder_of: DecoderOf, family: str, tmp_path: Path) -> None:
    engine = engine_load(writer_of(writer_make(tmp_path, family=family)))
    network = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    prompts = [prompt_of(number, length) for number, length in enumerate([WINDOW + 20, 3, WINDOW - 2, 50])]

    found = run(decoder_of(engine._network), *(writing(prompt) for prompt in prompts[:3]))
    found += run(decoder_of(engine._network, chunk_tokens=500), writing(prompts[3]))

    assert found == [greedy(network, prompt, tokens=TOKENS) for prompt in prompts]
    assert len({token for tokens in found for token in tokens}) > 20, "they say more than one thing over and over"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whoever_joins_and_leaves_a_text_stays_the_same(
    decoder_of: DecoderOf, data: st.DataObject, network: Any, own: Any
) -> None:
    decoder = decoder_of(network, slots=3, chunk_tokens=data.draw(st.sampled_from([3, 8, 64])))
    common = prompt_of(0, 20)
    waiting = []
    for number in range(data.draw(st.integers(2, 6))):
        prompt = common[: data.draw(st.integers(0, 20))] + prompt_of(number % 3 + 1, data.draw(st.integers(1, 12)))
        # Every third is given up halfway.
        waiting.append(writing(prompt, tokens=data.draw(st.integers(1, 12))))
    joined: list[Writing] = []
    done: list[Writing] = []
    while waiting or joined:
        while waiting and decoder.free and (not joined or data.draw(st.booleans())):
            joined.append(waiting.pop(0))
            decoder.join(joined[-1])
        decoder.step(beat=lambda: None)
        for one in list(joined):
            if data.draw(st.integers(0, 15)) == 0:
                one.is_cancelled = True
            if one.is_over:
                decoder.leave(one)
                joined.remove(one)
                done.append(one)
    for one in done:
        expected = greedy(own, one.prompt, tokens=one.max_tokens)
        assert one.written == expected[: len(one.written)]
        assert one.is_cancelled or one.written == expected
    assert decoder.free == 3


def test_what_prompts_have_in_common_is_computed_once(
    decoder_of: DecoderOf, network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = decoder_of(network)
    computed: list[int] = []
    forward = decoder._forward
    monkeypatch.setattr(
        decoder,
        "_forward",
        lambda row, ids, *, last_of: (computed.append(len(ids)), forward(row, ids, last_of=last_of))[1],
    )
    instructions = prompt_of(0, 60)

    run(decoder, *(writing(instructions + prompt_of(number, 5), tokens=1) for number in (1, 2, 3)))
    run(decoder, writing(instructions + prompt_of(4, 5), tokens=1))

    assert sum(computed) == 60 + 4 * 5


def test_a_long_prompt_does_not_stop_the_others(decoder_of: DecoderOf, network: Any) -> None:
    decoder = decoder_of(network, chunk_tokens=8)
    short, long = writing(prompt_of(1, 4)), writing(prompt_of(2, 80))
    decoder.join(short)
    decoder.step(beat=lambda: None)
    decoder.join(long)

    before = len(short.written)
    for _ in range(5):
        decoder.step(beat=lambda: None)

    assert len(short.written) == before + 5
    assert not long.written


def test_what_is_drawn_does_not_hang_on_the_company(decoder_of: DecoderOf, network: Any) -> None:
    drawing: dict[str, Any] = {"temperature": 1.5, "top_p": 0.95, "seed": 11}
    alone = run(decoder_of(network), writing(prompt_of(1, 9), **drawing))[0]
    others = [writing(prompt_of(number, 30), temperature=1.0, seed=number) for number in (2, 3)]

    assert run(decoder_of(network), others[0], writing(prompt_of(1, 9), **drawing), others[1])[1] == alone
    assert len(set(alone)) > 5


def test_a_failed_step_leaves_nothing_behind(
    decoder_of: DecoderOf, network: Any, own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = decoder_of(network)
    failing = writing(prompt_of(1, 20))
    decoder.join(failing)
    decoder.step(beat=lambda: None)
    decoder._slots.keys.fill_(torch.nan)
    decoder.spoil()
    decoder.leave(failing)

    assert run(decoder, writing(prompt_of(1, 20))) == [greedy(own, prompt_of(1, 20), tokens=TOKENS)]


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, network: Any) -> Callable[..., tuple[BatchDecoder, SharedForward]]:
    """A decoder of four slots that are attended to at once, with another way to capture steps."""
    monkeypatch.setattr(shared, "varlen_attn", varlen_reference)
    network.set_attn_implementation(shared.ATTENTION)

    def make(capture: Callable[[Step], Step]) -> tuple[BatchDecoder, SharedForward]:
        shape = SlotShape.of(network.config, tokens=64)
        slots = SharedSlots(shape, 4, dtype=torch.float32, device=torch.device("cpu"))
        forward = SharedForward(network, slots, capture=capture)
        return BatchDecoder(network, slots, ends=ENDS, chunk_tokens=8, forward=forward), forward

    return make


def test_a_step_that_cannot_be_captured_is_computed_like_any_other(
    alone: Callable[..., tuple[BatchDecoder, SharedForward]], own: Any
) -> None:
    tried: list[Step] = []

    def refuse(step: Step) -> Step:
        tried.append(step)
        raise RuntimeError("operation not permitted when stream is capturing")

    decoder, _ = alone(refuse)

    assert run(decoder, writing(prompt_of(1, 20))) == [greedy(own, prompt_of(1, 20), tokens=TOKENS)]
    assert len(tried) == 1, "it is not tried at every step"


def test_few_graphs_are_captured_and_used_again(alone: Callable[..., tuple[BatchDecoder, SharedForward]]) -> None:
    captured: list[Step] = []
    decoder, forward = alone(lambda step: (captured.append(step), capture_reference(step))[1])

    for together in (1, 2, 3, 4, 1):
        run(decoder, *(writing(prompt_of(number, 3), tokens=3) for number in range(together)))

    assert sorted(forward._graphs) == [1, 2, 4]
    assert len(captured) == 3


def test_slots_that_cuda_can_attend_to_at_once_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shared, "varlen_attn", varlen_reference)
    monkeypatch.setattr(shared, "cuda_capture", capture_reference)
    monkeypatch.setattr(shared, "shares_on_cuda", lambda *_, **__: True)
    model = writer_of(writer_make(tmp_path))
    prompt = prompt_of(1, 20)

    decoder = engine_load(model).decoder()

    assert isinstance(decoder, BatchDecoder)
    assert isinstance(decoder._forward, SharedForward)
    assert run(decoder, writing(prompt)) == [greedy(reference(tmp_path), prompt, tokens=TOKENS)]


@pytest.mark.parametrize(
    ("family", "dtype", "can"),
    [("qwen3", torch.bfloat16, True), ("qwen3", torch.float32, False), ("gemma2", torch.bfloat16, False)],
)
def test_the_kernel_knows_no_scores_below_a_bound(family: str, dtype: torch.dtype, can: bool, tmp_path: Path) -> None:
    config = AutoConfig.from_pretrained(writer_make(tmp_path, family=family))

    assert shared.shares(config, dtype=dtype) is can
    assert not shared.shares_on_cuda(config, dtype=dtype, device=torch.device("cpu"))


def test_another_family_is_written_one_after_another_by_generate(tmp_path: Path) -> None:
    folder = writer_make(tmp_path, family="gpt_neox", num_key_value_heads=4)
    engine = engine_load(writer_of(folder))
    decoder = engine.decoder()
    assert isinstance(decoder, SequentialDecoder)
    assert not engine.batches
    beats: list[int] = []
    one = writing(prompt_of(1, 9))
    decoder.join(one)
    assert decoder.free == 0
    decoder.step(beat=lambda: beats.append(1))
    decoder.leave(one)

    assert one.written == greedy(reference(folder), prompt_of(1, 9), tokens=TOKENS)
    assert len(beats) == len(one.written), "the watchdog sees every token"
    cancelled = writing(prompt_of(2, 9))
    decoder.join(cancelled)
    cancelled.is_cancelled = True
    decoder.step(beat=lambda: None)
    assert len(cancelled.written) == 1


def test_rotations_that_change_with_the_longest_text_are_not_batched(tmp_path: Path) -> None:
    moving = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    model = writer_of(writer_make(tmp_path, rope_parameters=moving))
    assert not GenerationEngine(model, engine_module.EngineSettings()).batches


def test_a_text_ends_with_its_end_token_or_its_length(decoder_of: DecoderOf, network: Any, own: Any) -> None:
    prompt = prompt_of(5, 6)
    expected = greedy(own, prompt, tokens=TOKENS)
    decoder = decoder_of(network)
    decoder._ends = frozenset({expected[7]})
    ended, cut = writing(prompt), writing(prompt, tokens=3)

    run(decoder, ended, cut)

    assert (ended.finish, ended.written) == (Finish.STOP, expected[: expected.index(expected[7]) + 1])
    assert (cut.finish, cut.written) == (Finish.LENGTH, expected[:3])
