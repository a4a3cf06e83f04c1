"""What engines of local transformers have in common: checked weights, batches within the memory, packing or padding."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from transformers.utils import logging as transformers_logging

from apps.models.checkpoint import Checkpoint, checkpoint_read, parameter_count
from apps.models.engine import cpu, cuda
from apps.models.engine.batching import EngineRunner
from apps.models.engine.cpu import weights_lay_out, weights_prepack
from apps.models.engine.layout import LENGTHS, Layout, layout_choose
from apps.models.engine.packing import first_position, pack
from apps.models.engine.plan import batches
from apps.models.engine.precision import device_choose, dtype_choose
from apps.models.engine.settings import EngineSettings
from apps.models.engine.states import States
from apps.models.engine.transfers import HostTransfers, Transfers
from apps.models.engine.unchanged import unchanged_check
from apps.models.errors import UnsupportedModelError
from apps.models.installed_model import InstalledModel
from ragsite.core.errors import ModelUnavailableError

logger = logging.getLogger(__name__)

Text = TypeVar("Text")
Encoded = TypeVar("Encoded", bound=Sized)

# On a CPU larger batches are slower (caches), and an interactive request waits for the one under way.
BATCH_TOKENS = {"cpu": 8 * 256, "cuda": 256 * 256}

CUDA_STREAMS = 2
"""Batches under way at a time: one is computed, and the next is prepared and queued behind it."""

SLICE = 4096
"""Texts that are put in tokens at once, while those before them are computed."""
SLICES_AHEAD = 2


class TransformerEngine(ABC, Generic[Text, Encoded]):
    """One model on one device. Light to make; `load` does the work. At most `streams` threads at a time may compute.

    On a CPU that are as many as it may use, with a batch each: they don't wait for each other at every layer, as several
    threads of one batch do. On CUDA each has a stream of the device, and waits for nothing but its own result.
    """

    architecture: ClassVar[Any]

    def __init__(self, model: InstalledModel, settings: EngineSettings) -> None:
        self.model = model
        self.settings = settings
        self.device = device_choose(settings.device)
        self.dtype = dtype_choose(settings.precision, self.device)
        self.batch_tokens = settings.batch_tokens or BATCH_TOKENS[self.device.type]
        self.streams = max(1, settings.threads) if self.device.type == "cpu" else CUDA_STREAMS
        self.transfers: Transfers = HostTransfers()
        self._checkpoint: Checkpoint | None = None
        self._network: Any = None
        self._first_position: int | None = None
        self._in_segments = False

    @property
    def packed(self) -> bool:
        """Whether the texts of a batch are laid out in one row, rather than one row each, padded to the longest."""
        return self._first_position is not None

    @property
    @abstractmethod
    def width(self) -> int:
        """How many numbers a text gets."""

    def weights_bytes(self) -> int:
        """What the weights take once loaded; known before loading."""
        return parameter_count(checkpoint_read(self.model.path).weights) * self.dtype.itemsize

    def working_bytes(self) -> int:
        """What the batches of all streams take while they are computed."""
        in_flight = self.streams * self.batch_tokens
        return in_flight * checkpoint_read(self.model.path).token_numbers * self.dtype.itemsize

    def runner(self) -> EngineRunner:
        """What gathers the texts of many callers into its batches."""
        return EngineRunner(self)

    def load(self) -> None:
        """Check the files against what was registered, and load them.

        Raises:
            ModelNotFoundError: the files are missing, or (code `model_changed`) not those that were registered.
            UnsupportedModelError: the weights do not make up the network that config.json describes.
        """
        checkpoint = checkpoint_read(self.model.path)
        self._check_unchanged(checkpoint)
        self._network = self._load_network().to(self.device).eval()
        if getattr(self._network.config, "use_cache", False):
            self._network.config.use_cache = False  # Of keys and values, which only those who write need.
        if self.device.type == "cpu":
            self._prepare_cpu(self._network)
        else:
            self._prepare_cuda(self._network)
        self._prepare(checkpoint)
        self.transfers.settle()
        self._checkpoint = checkpoint

    def unload(self) -> None:
        """Give the memory back."""
        self._checkpoint = self._network = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @abstractmethod
    def encode(self, texts: Sequence[Text]) -> list[Encoded]:
        """The tokens of each text. Any thread may call this while another computes."""

    @abstractmethod
    def forward(self, batch: Sequence[Encoded]) -> np.ndarray:
        """Run the network once over a batch: float32 of shape (rows, width)."""

    @abstractmethod
    def _prepare(self, checkpoint: Checkpoint) -> None:
        """Make ready, when the network is loaded, what turns texts into tokens."""

    def run(self, texts: Sequence[Text]) -> np.ndarray:
        """Compute texts, batch by batch: float32 of shape (n, width), in the order given."""
        found = np.empty((len(texts), self.width), dtype=np.float32)

        def compute(inputs: list[Encoded], rows: list[int], into: np.ndarray) -> None:
            into[rows] = self.compute([inputs[row] for row in rows])

        with ThreadPoolExecutor(self.streams) as streams:
            computed = [
                streams.submit(compute, inputs, rows, found[start:])
                for start, inputs in self._slices(texts)
                for rows in batches([len(one) for one in inputs], budget=self.batch_tokens, packed=self.packed)
            ]
            for one in computed:
                one.result()
        return found

    def _slices(self, texts: Sequence[Text]) -> Iterator[tuple[int, list[Encoded]]]:
        """Where each slice of the texts starts, and its tokens; the next ones are being encoded meanwhile."""
        starts = range(0, len(texts), SLICE)
        with ThreadPoolExecutor(SLICES_AHEAD) as tokenizing:
            encoded = deque((start, tokenizing.submit(self.encode, texts[start : start + SLICE])) for start in starts)
            while encoded:
                start, inputs = encoded.popleft()
                yield start, inputs.result()

    def compute(self, batch: Sequence[Encoded]) -> np.ndarray:
        """Compute one batch; one that is too large for the memory is split in two and goes on.

        Raises:
            ModelUnavailableError: (code `out_of_memory`) not even one input fits.
        """
        if self.settings.threads and self.device.type == "cpu":
            torch.set_num_threads(1)  # Counts for the thread that calls it: each stream is one.
        try:
            with self.transfers.lane():
                return self.forward(batch)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise ModelUnavailableError(
                    f"The device ran out of memory on one text of {len(batch[0])} tokens with {self.model.name!r}.",
                    code="out_of_memory",
                    action="Free memory on the device, or use a smaller model.",
                ) from error
        # Outside the handler: the failed attempt's tensors are held until its traceback is gone.
        self._free_cached()
        half = len(batch) // 2
        return np.concatenate([self.compute(batch[:half]), self.compute(batch[half:])])

    def _loaded(self) -> tuple[Any, Checkpoint]:
        """The network and what its files say.

        Raises:
            ModelUnavailableError: (code `model_unloaded`) they are not in memory.
        """
        if self._network is None or self._checkpoint is None:
            raise ModelUnavailableError(f"The model {self.model.name!r} is not loaded.", code="model_unloaded")
        return self._network, self._checkpoint

    def _token_states(
        self, network: Any, texts: Sequence[Sequence[int]], *, types: Sequence[Sequence[int]] | None = None
    ) -> States:
        """The last hidden states of the texts' tokens. `types` are the tokens' types, if several are known."""
        return self._packed_states(network, texts, types) if self.packed else self._padded_states(network, texts)

    def _packed_states(
        self, network: Any, texts: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None
    ) -> States:
        lengths = [len(text) for text in texts]
        states = network(**self._row(network, texts, types)).last_hidden_state[0, : sum(lengths)]
        return States(states, lengths, self.transfers)

    def _row(
        self, network: Any, texts: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None
    ) -> dict[str, Any]:
        """The texts in one row, as the attention that the network was given needs them."""
        first = self._first_position or 0
        if self._in_segments:
            return cuda.segment_inputs(texts, first_position=first, types=types, transfers=self.transfers)
        return pack(texts, types=types, first_position=first, filler=network.config.pad_token_id or 0).inputs()

    def _padded_states(self, network: Any, texts: Sequence[Sequence[int]]) -> States:
        lengths = [len(text) for text in texts]
        ids = self._padded(texts, filler=network.config.pad_token_id or 0)
        mask = self._padded([[1] * length for length in lengths], filler=0)
        rows = network(input_ids=ids, attention_mask=mask).last_hidden_state
        width = rows.shape[1]
        places = np.concatenate([np.arange(length) + row * width for row, length in enumerate(lengths)])
        return States(rows.flatten(0, 1).index_select(0, self.transfers.upload(places)), lengths, self.transfers)

    def _padded(self, rows: Sequence[Sequence[int]], *, filler: int) -> torch.Tensor:
        """The rows as one tensor, each filled up to the longest."""
        filled = np.full((len(rows), max(len(row) for row in rows)), filler, dtype=np.int64)
        for numbers, row in zip(filled, rows, strict=True):
            numbers[: len(row)] = row
        return self.transfers.upload(filled)

    def _prepare_cuda(self, network: Any) -> None:
        self.transfers = cuda.CudaTransfers(self.device, lanes=self.streams)
        if cuda.packs_on_cuda(network.config, dtype=self.dtype, device=self.device):
            self._pack_in_segments(network)

    def _pack_in_segments(self, network: Any) -> None:
        self._first_position = first_position(network.config)
        if self.packed:
            network.set_attn_implementation(cuda.ATTENTION)
            self._in_segments = True

    def _prepare_cpu(self, network: Any) -> None:
        if self.dtype is torch.bfloat16:
            weights_prepack(network)
        self._first_position = first_position(network.config)
        if self.packed:
            network.set_attn_implementation(cpu.ATTENTION)
        if self.packed and self.dtype is torch.float32:
            self._prepare_float32(network)

    def _prepare_float32(self, network: Any) -> None:
        """Compute in the way that is fastest on this CPU."""
        encoder, texts = network.base_model, [[1] * min(length, self.model.max_tokens) for length in LENGTHS]
        layout = layout_choose(
            encoder,
            row=lambda: self._packed_states(encoder, texts),
            padded=lambda: self._padded_states(encoder, texts),
        )
        logger.info("%s is computed in float32: %s", self.model.name, layout.value)
        if layout is Layout.LAID_OUT_ROW:
            weights_lay_out(network)
        if layout is Layout.PADDED:
            self._first_position = None

    def _check_unchanged(self, checkpoint: Checkpoint) -> None:
        unchanged_check(self.model, checkpoint)

    def _load_network(self, architecture: Any = None) -> Any:
        """The network with its weights, as its kind's architecture or another one builds it."""
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            network, report = (architecture or self.architecture).from_pretrained(
                self.model.path,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=self.dtype,
                output_loading_info=True,
            )
        except (OSError, ValueError) as error:
            raise UnsupportedModelError(f"The model {self.model.name!r} could not be loaded: {error}") from error
        # The pooler of a bare encoder is a head that embeddings do not use; many checkpoints leave it out.
        missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
        if missing:
            raise UnsupportedModelError(
                f"The weights of {self.model.name!r} lack {missing[:3]} and {max(0, len(missing) - 3)} more.",
                action="Save the model again: without these the network would answer at random.",
            )
        return network

    def _free_cached(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def _is_out_of_memory(error: Exception) -> bool:
    # torch's CPU allocator raises a plain RuntimeError.
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)
