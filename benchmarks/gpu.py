"""What the engines make of a GPU, beside sentence-transformers and transformers, with random weights of real shapes.

    python -m benchmarks.gpu [--json] [--device cuda] [--shapes real] [--parts embedding writing]

Nothing is downloaded and no server is needed; on an H100 it is meant to take under ten minutes. `embedding`: pieces of prose go
through `embed()` of our engine and through `encode` of sentence-transformers in float32 and bfloat16, in batches of 32, 256 and
1,024; then through the forward passes of our engine alone. `writing`: requests with prompts of 600 to 1,800 tokens are written to
112 tokens each by the engine's decoder (without what turns tokens into text) and by transformers' `generate_batch`; then one
request alone. `--device cpu --shapes tiny` runs the same logic in under a minute, and its figures say nothing.

Figures are told as they come. The last line is one JSON object; a part that failed is named in it under `failed`.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from transformers import BertConfig, BertModel, GenerationConfig, Qwen3Config, Qwen3ForCausalLM

from apps.models.checkpoint import checkpoint_read, weights_sha256
from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.generation.decoders import BatchDecoder
from apps.models.engine.generation.engine import batch_decoder
from apps.models.engine.generation.request import Writing
from apps.models.engine.plan import batches
from apps.models.engine.settings import Device, EngineSettings, Precision
from apps.models.generation import GenerationOptions
from apps.models.installed_model import EmbeddingModel
from apps.models.prompts import TextRole
from benchmarks.engine.model import bundled_model, pieces
from benchmarks.place import say
from ragsite.core.ids import new_id

MAX_TOKENS = 256
PATIENCE = 600.0
WEIGHTS = "*.safetensors"
Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shapes:
    """Networks to make, and how much they are given to do."""

    encoders: dict[str, dict[str, int]]
    writers: dict[str, dict[str, int]]
    batch_sizes: tuple[int, ...]
    texts: int
    compared: int
    requests: int
    prompt_tokens: tuple[int, int]
    new_tokens: int
    slot_tokens: int
    vocabulary: int


def _encoder(width: int, layers: int, heads: int) -> dict[str, int]:
    return {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
    }


def _writer(width: int, between: int, layers: int, heads: int, grouped: int, head: int) -> dict[str, int]:
    return {
        "hidden_size": width,
        "intermediate_size": between,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": grouped,
        "head_dim": head,
    }


SHAPES = {
    "real": Shapes(
        encoders={"minilm": _encoder(384, 6, 12), "base": _encoder(768, 12, 12)},
        writers={"0_6b": _writer(1024, 3072, 28, 16, 8, 128), "4b": _writer(2560, 9728, 36, 32, 8, 128)},
        batch_sizes=(32, 256, 1024),
        texts=16_000,
        compared=512,
        requests=96,
        prompt_tokens=(600, 1800),
        new_tokens=112,
        slot_tokens=2048,
        vocabulary=151_936,
    ),
    "tiny": Shapes(
        encoders={"minilm": _encoder(32, 2, 2), "base": _encoder(64, 2, 4)},
        writers={"0_6b": _writer(32, 64, 2, 4, 2, 8), "4b": _writer(64, 96, 2, 4, 2, 16)},
        batch_sizes=(8, 16),
        texts=24,
        compared=8,
        requests=4,
        prompt_tokens=(6, 18),
        new_tokens=6,
        slot_tokens=32,
        vocabulary=300,
    ),
}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description="What the engines make of a GPU.")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--shapes", choices=list(SHAPES), default="real")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    options = parser.parse_args(argv)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("there is no CUDA device here; --device cpu --shapes tiny runs the logic alone")
    found: Found = _machine(options)
    say(json.dumps(found))
    failed = {}
    with ThreadPoolExecutor(1) as thread:
        for name in options.parts:
            done = thread.submit(PARTS[name], SHAPES[options.shapes], torch.device(options.device), found)
            # What another part has measured on a device that is hard to get is not thrown away.
            if (error := done.exception()) is not None:
                failed[name] = f"{type(error).__name__}: {error}"
                say(f"{name} failed: {failed[name]}")
    found["failed"] = failed
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))
    return 1 if failed else 0


def _machine(options: argparse.Namespace) -> Found:
    on_cuda = options.device == "cuda"
    return {
        "device": torch.cuda.get_device_name(0) if on_cuda else f"cpu ({torch.backends.cpu.get_cpu_capability()})",
        "shapes": options.shapes,
        "parts": list(options.parts),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if on_cuda else None,
    }


def embedding(shapes: Shapes, device: torch.device, found: Found) -> None:
    """Texts a second by us and by sentence-transformers, and how near ours come to theirs in float32."""
    bundled, texts = bundled_model(), prose(shapes.texts)
    for name, shape in shapes.encoders.items():
        with tempfile.TemporaryDirectory() as folder:
            model = encoder_make(Path(folder), bundled.path, shape)
            theirs, exact = _sentence_transformers(model.path, texts, shapes, device)
            ours, vectors = _ours(model, texts, device, found, name)
        cosines = (vectors[: shapes.compared] * exact).sum(axis=1)
        found[f"embed_vs_best_encode_{name}"] = ours / max(theirs.values())
        found["embed_min_cosine"] = min(float(cosines.min()), found.get("embed_min_cosine", 1.0))
        found[f"embed_texts_per_second_{name}"] = ours
        found[f"encode_texts_per_second_{name}"] = theirs
        say(json.dumps({key: value for key, value in found.items() if key.startswith(("embed", "encode"))}))


def prose(number: int) -> list[str]:
    """Pieces of 20 to 150 words."""
    return pieces(number, least=20, most=150)


def encoder_make(folder: Path, like: Path, shape: dict[str, int]) -> EmbeddingModel:
    """A checkpoint of that shape with random weights, laid out as the other one and with its tokenizer."""
    path = folder / "checkpoint"
    shutil.copytree(like, path, ignore=shutil.ignore_patterns(WEIGHTS))
    known = json.loads((like / "config.json").read_text(encoding="utf-8"))
    torch.manual_seed(1)
    config = BertConfig(**{key: known[key] for key in ("vocab_size", "pad_token_id", "type_vocab_size")}, **shape)
    BertModel(config).save_pretrained(path)
    pooling = path / "1_Pooling" / "config.json"
    said = json.loads(pooling.read_text(encoding="utf-8")) | {"word_embedding_dimension": shape["hidden_size"]}
    pooling.write_text(json.dumps(said), encoding="utf-8")
    return EmbeddingModel(
        version_id=new_id(),
        name="random",
        path=path,
        sha256=weights_sha256(checkpoint_read(path).weights),
        dimensions=shape["hidden_size"],
        max_tokens=MAX_TOKENS,
    )


def _sentence_transformers(
    path: Path, texts: list[str], shapes: Shapes, device: torch.device
) -> tuple[dict[str, float], np.ndarray]:
    """Texts a second by precision and size of a batch, and the vectors of the first texts in float32."""
    rates: dict[str, float] = {}
    exact = np.empty(0)
    for dtype in (torch.float32, torch.bfloat16):
        model = SentenceTransformer(str(path), device=str(device), model_kwargs={"dtype": dtype}, local_files_only=True)
        first = model.encode(texts[: shapes.compared], show_progress_bar=False)  # Warms up, too.
        exact = first if dtype is torch.float32 else exact
        for size in shapes.batch_sizes:
            encode = partial(model.encode, texts, batch_size=size, show_progress_bar=False)
            rates[f"{dtype} {size}"] = len(texts) / _once(encode)
    return rates, exact


def _ours(
    model: EmbeddingModel, texts: list[str], device: torch.device, found: Found, name: str
) -> tuple[float, np.ndarray]:
    """Texts a second through `embed`, with their vectors; the forward passes alone are noted by the way."""
    engine = EmbeddingEngine(model, EngineSettings(device=Device(device.type), precision=Precision.BFLOAT16, threads=2))
    engine.load()
    found[f"embed_packed_{name}"] = engine.packed
    rate = len(texts) / _seconds(lambda: engine.embed(texts))
    vectors = engine.embed(texts)
    inputs = engine.encode([(TextRole.DOCUMENT, text) for text in texts])
    planned = batches([len(one) for one in inputs], budget=engine.batch_tokens, packed=engine.packed)
    ready = [[inputs[row] for row in rows] for rows in planned]

    def forward() -> None:
        with ThreadPoolExecutor(engine.streams) as streams:
            list(streams.map(engine.compute, ready))

    seconds, tokens = _seconds(forward), sum(len(one) for one in inputs)
    found["embed_forward_tflops"] = 2 * _layer_numbers(model.path) * tokens / seconds / 1e12
    found[f"embed_forward_texts_per_second_{name}"] = len(texts) / seconds
    found["embed_mean_tokens"] = tokens / len(texts)
    engine.unload()
    return rate, vectors


def _layer_numbers(path: Path) -> int:
    """The weights that each token is multiplied with: those of the layers. Attention's own products are not counted."""
    network = BertModel.from_pretrained(path)
    return sum(weights.numel() for name, weights in network.named_parameters() if name.startswith("encoder."))


def writing(shapes: Shapes, device: torch.device, found: Found) -> None:
    """New tokens a second of many requests at once, by us and by `generate_batch`, and of one alone."""
    for name, shape in shapes.writers.items():
        network = _writing_network(shape, shapes, device)
        _decoder(network, shapes, found, name)
        _free(device)
        if name == "0_6b":
            theirs = _generate_batch(network, prompts(shapes), shapes)
            found["generate_batch_tokens_per_second"] = theirs
            found["generation_vs_generate_batch"] = found[_rate_key(name, shapes)] / theirs
        say(json.dumps({key: value for key, value in found.items() if key.startswith("generat")}))
        del network
        _free(device)


def _decoder(network: Any, shapes: Shapes, found: Found, name: str) -> None:
    """Our side: once to capture graphs and warm up, and once for the figure."""
    decoder = batch_decoder(network, slots=shapes.requests, slot_tokens=shapes.slot_tokens, ends=frozenset())
    written(decoder, prompts(shapes, seed=1), shapes.new_tokens)
    asked = prompts(shapes)
    found[_rate_key(name, shapes)] = len(asked) * shapes.new_tokens / written(decoder, asked, shapes.new_tokens)
    if name == "0_6b":
        one_stream(decoder, prompts(shapes, seed=2)[0], shapes.new_tokens)
        rate = one_stream(decoder, prompts(shapes, seed=3)[0], shapes.new_tokens)
        found["generation_tokens_per_second_0_6b_one_stream"] = rate


def _rate_key(name: str, shapes: Shapes) -> str:
    return f"generation_tokens_per_second_{name}_{shapes.requests}"


def _free(device: torch.device) -> None:
    """Give back what nothing holds any more: the other side sizes its memory by what is free."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _writing_network(shape: dict[str, int], shapes: Shapes, device: torch.device) -> Any:
    """Random weights, made on the device."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=shapes.vocabulary,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        dtype=torch.bfloat16,
        **shape,
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with device:
            return Qwen3ForCausalLM(config).eval()
    finally:
        torch.set_default_dtype(before)


def prompts(shapes: Shapes, *, seed: int = 0) -> list[list[int]]:
    """Of random tokens and lengths, so that none begins as another does."""
    dice, (least, most) = random.Random(seed), shapes.prompt_tokens
    return [
        [dice.randrange(10, shapes.vocabulary) for _ in range(dice.randint(least, most))]
        for _ in range(shapes.requests)
    ]


def written(decoder: BatchDecoder, asked: Sequence[list[int]], tokens: int) -> float:
    """Seconds until all have so many new tokens."""
    waiting, joined = [_request(prompt, tokens) for prompt in asked], list[Writing]()
    began = time.perf_counter()
    while waiting or joined:
        while waiting and decoder.free:
            joined.append(waiting.pop(0))
            decoder.join(joined[-1])
        decoder.step(beat=lambda: None)
        for one in [one for one in joined if one.is_over]:
            decoder.leave(one)
            joined.remove(one)
    return time.perf_counter() - began


def one_stream(decoder: BatchDecoder, prompt: list[int], tokens: int) -> float:
    """Tokens a second of one request alone, from the first token on."""
    one = _request(prompt, tokens)
    decoder.join(one)
    while not one.written:
        decoder.step(beat=lambda: None)
    began, before = time.perf_counter(), len(one.written)
    while not one.is_over:
        decoder.step(beat=lambda: None)
    took = time.perf_counter() - began
    decoder.leave(one)
    return (len(one.written) - before) / took


def _request(prompt: list[int], tokens: int) -> Writing:
    return Writing(
        prompt,
        max_tokens=tokens,
        options=GenerationOptions(),
        deadline=time.monotonic() + PATIENCE,
        decode=lambda ids: "",
    )


def _generate_batch(network: Any, asked: Sequence[list[int]], shapes: Shapes) -> float:
    """New tokens a second of transformers' own continuous batching; a few requests warm it up."""
    network.set_attn_implementation("sdpa")
    config = GenerationConfig(
        do_sample=False, eos_token_id=-1, pad_token_id=0, max_new_tokens=shapes.new_tokens, use_cache=True
    )
    with network.continuous_batching_context_manager(generation_config=config) as manager:
        _batched(manager, prompts(shapes, seed=4)[:2], shapes, turn="warm-up")
        began = time.perf_counter()
        tokens = _batched(manager, asked, shapes, turn="measured")
        return tokens / (time.perf_counter() - began)


def _batched(manager: Any, asked: Sequence[list[int]], shapes: Shapes, *, turn: str) -> int:
    """How many tokens were written."""
    for number, prompt in enumerate(asked):
        manager.add_request(prompt, request_id=f"{turn} {number}", max_new_tokens=shapes.new_tokens)
    left, tokens, until = len(asked), 0, time.monotonic() + PATIENCE
    while left:
        if time.monotonic() > until:
            raise TimeoutError(f"generate_batch has not ended {left} of {len(asked)} requests in {PATIENCE:.0f} s")
        answer = manager.get_result(timeout=1)
        if answer is not None and answer.is_finished():
            left, tokens = left - 1, tokens + len(answer.generated_tokens)
    return tokens


def _seconds(work: Callable[[], object]) -> float:
    """The least of two times, after one that warms up."""
    work()
    return min(_once(work) for _ in range(2))


def _once(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


PARTS = {"embedding": embedding, "writing": writing}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
