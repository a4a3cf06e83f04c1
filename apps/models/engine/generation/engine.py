"""Writes with a local language model."""

from __future__ import annotations

import logging
from typing import Any

import torch

from apps.models.checkpoint import Checkpoint, checkpoint_read, parameter_count
from apps.models.engine.cpu import weights_prepack
from apps.models.engine.generation import shared
from apps.models.engine.generation.attention import ATTENTION
from apps.models.engine.generation.chat import Chat
from apps.models.engine.generation.decoders import (
    ALONE_FACTOR,
    CHUNK_TOKENS,
    BatchDecoder,
    Decoder,
    SequentialDecoder,
)
from apps.models.engine.generation.loading import config_read, ending_tokens, network_load, tokenizer_load
from apps.models.engine.generation.request import Writing
from apps.models.engine.generation.runner import GenerationRunner
from apps.models.engine.generation.slots import SharedSlots, Slots, SlotShape
from apps.models.engine.precision import device_choose, dtype_choose
from apps.models.engine.settings import EngineSettings
from apps.models.engine.unchanged import unchanged_check
from apps.models.generation import Conversation
from apps.models.installed_model import InstalledModel
from ragsite.core.errors import ModelUnavailableError, PermanentError

logger = logging.getLogger(__name__)

FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "smollm3"})
"""Whose networks are known to hand all positions and keys to the attention. Others write one text after another."""

MOVING_ROPE = frozenset({"dynamic", "longrope"})
"""Rotations that change with the longest request of a batch."""


class GenerationEngine:
    """A language model on one device. Light to make; `load` does the work. One thread computes, that of its runner."""

    def __init__(self, model: InstalledModel, settings: EngineSettings) -> None:
        self.model = model
        self.settings = settings
        self.device = device_choose(settings.device)
        self.dtype = dtype_choose(settings.precision, self.device)
        self._checkpoint: Checkpoint = checkpoint_read(model.path)
        self._config = config_read(self._checkpoint)
        self._network: Any = None
        self._chat: Chat | None = None
        self._ends: frozenset[int] = frozenset()

    @property
    def batches(self) -> bool:
        """Whether several texts are written at once."""
        rope = (getattr(self._config, "rope_parameters", None) or {}).get("rope_type")
        return self._config.model_type in FAMILIES and rope not in MOVING_ROPE

    @property
    def slots(self) -> int:
        """So many texts are written at once."""
        return self.settings.slots if self.batches else 1

    @property
    def slot_tokens(self) -> int:
        """The most tokens of a prompt and of what is written after it."""
        return min(self.settings.slot_tokens, self.model.max_tokens)

    def weights_bytes(self) -> int:
        """What the weights take once loaded; known before loading."""
        numbers = parameter_count(self._checkpoint.weights)
        if self._config.tie_word_embeddings:
            # Laid out a second time for the product that gives the logits.
            numbers += self._config.vocab_size * self._config.hidden_size
        return int(numbers * self.dtype.itemsize)

    def working_bytes(self) -> int:
        """The keys and values of all slots, and what a step takes."""
        held = self.slots * SlotShape.of(self._config, tokens=self.slot_tokens).numbers
        tokens = min(ALONE_FACTOR * CHUNK_TOKENS[self.device.type], self.slots * self.slot_tokens)
        step = tokens * self._checkpoint.token_numbers + self.slots * self._config.vocab_size * 2
        return int((held + step) * self.dtype.itemsize)

    def load(self) -> None:
        """Check the file against what was registered, and load it.

        Raises:
            ModelNotFoundError: the files are missing, or (code `model_changed`) not those that were registered.
            UnsupportedModelError: they are no language model that can be loaded.
        """
        unchanged_check(self.model, self._checkpoint)
        network = network_load(self._checkpoint, self.dtype).to(self.device)
        tokenizer = tokenizer_load(self._checkpoint)
        self._ends = ending_tokens(network, tokenizer)
        if self.device.type == "cpu" and self.dtype is torch.bfloat16:
            weights_prepack(network)
        if not self.batches:
            logger.warning(
                "%s is of the family %s, whose texts are written one after another",
                self.model.name,
                network.config.model_type,
            )
        self._chat, self._network = Chat(tokenizer), network

    def unload(self) -> None:
        """Give the memory back."""
        self._network = self._chat = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def runner(self) -> GenerationRunner:
        """What lets many requests share it."""
        return GenerationRunner(self)

    def decoder(self) -> Decoder:
        """What advances requests, with the memory for it."""
        if not self.batches:
            return SequentialDecoder(self._network, ends=self._ends)
        return batch_decoder(self._network, slots=self.slots, slot_tokens=self.slot_tokens, ends=self._ends)

    def thread_prepare(self) -> None:
        """Let the thread that computes use as many CPU threads as it may."""
        if self.settings.threads and self.device.type == "cpu":
            torch.set_num_threads(self.settings.threads)

    def request(self, conversation: Conversation, *, deadline: float) -> Writing:
        """A request, its messages put in tokens by the model's chat template.

        Raises:
            PermanentError: (code `context_too_long`) prompt and text would not fit, or (`invalid_conversation`) the template
                refuses the messages.
        """
        if self._chat is None:
            raise ModelUnavailableError(f"The model {self.model.name!r} is not loaded.", code="model_unloaded")
        options = conversation.options
        prompt = self._chat.prompt(conversation.messages)
        room = self.slot_tokens - len(prompt)
        wanted = room if options.max_tokens is None else options.max_tokens
        if not 0 < wanted <= room:
            raise _too_long(self.model, prompt=len(prompt), wanted=max(1, wanted), limit=self.slot_tokens)
        return Writing(prompt, max_tokens=wanted, options=options, deadline=deadline, decode=self._chat.decode)


def batch_decoder(network: Any, *, slots: int, slot_tokens: int, ends: frozenset[int]) -> BatchDecoder:
    """What lets a network write several texts at once, each in a slot: by one call of attention for all, where the device can."""
    dtype, device = network.dtype, network.device
    shape, chunk_tokens = SlotShape.of(network.config, tokens=slot_tokens), CHUNK_TOKENS[device.type]
    if not shared.shares_on_cuda(network.config, dtype=dtype, device=device):
        network.set_attn_implementation(ATTENTION)
        alone = Slots(shape, slots, dtype=dtype, device=device)
        return BatchDecoder(network, alone, ends=ends, chunk_tokens=chunk_tokens)
    network.set_attn_implementation(shared.ATTENTION)
    together = SharedSlots(shape, slots, dtype=dtype, device=device)
    forward = shared.SharedForward(network, together, capture=shared.cuda_capture)
    return BatchDecoder(network, together, ends=ends, chunk_tokens=chunk_tokens, forward=forward)


def _too_long(model: InstalledModel, *, prompt: int, wanted: int, limit: int) -> PermanentError:
    return PermanentError(
        f"The prompt has {prompt} tokens and {wanted} more are to be written, together more than the {limit} that "
        f"{model.name!r} has room for.",
        code="context_too_long",
        action="Shorten the messages, ask for fewer tokens, or raise RAGSITE_GENERATION_TOKENS up to the model's context.",
    )
