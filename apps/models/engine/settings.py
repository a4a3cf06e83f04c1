"""How an engine runs its model on this machine."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Device(enum.Enum):
    """Where a model runs; AUTO takes CUDA where there is one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Precision(enum.Enum):
    """The numbers a model computes in; AUTO takes the fastest that the device has instructions for."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """`threads`: CPU threads, 0 leaves torch's choice. `batch_tokens`: tokens in a batch with its padding, 0 the device's.

    Of a language model: `slots` texts are written at once, each with its prompt in up to `slot_tokens` tokens.
    """

    device: Device = Device.AUTO
    precision: Precision = Precision.AUTO
    threads: int = 0
    batch_tokens: int = 0
    slots: int = 8
    slot_tokens: int = 4096
