"""How numbers get to the device that computes, and results back."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import numpy as np
import torch


class Transfers(Protocol):
    """Between the memory of the process and that of a device. Threads may share it."""

    def lane(self) -> AbstractContextManager[object]:
        """Within it a thread has what it computes done in order, beside the other lanes; waits where all are taken."""
        ...

    def upload(self, numbers: np.ndarray) -> torch.Tensor:
        """The numbers on the device, once it gets there: nobody waits."""
        ...

    def download(self, found: torch.Tensor) -> np.ndarray:
        """A result in this process's memory, once it is computed."""
        ...

    def settle(self) -> None:
        """Wait for everything that was begun outside of lanes, so that they see it."""
        ...


class HostTransfers:
    """Where the CPU computes, numbers are there."""

    def lane(self) -> AbstractContextManager[object]:
        return nullcontext()

    def upload(self, numbers: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(numbers)

    def download(self, found: torch.Tensor) -> np.ndarray:
        rows: np.ndarray = found.numpy()
        return rows

    def settle(self) -> None:
        """Nothing is ever under way."""
