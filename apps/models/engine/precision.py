"""Which device and which numbers an engine uses."""

from __future__ import annotations

from pathlib import Path

import torch

from apps.models.engine.settings import Device, Precision

NATIVE_BF16 = frozenset({"avx512_bf16", "amx_bf16"})
DTYPES = {
    Precision.FLOAT32: torch.float32,
    Precision.BFLOAT16: torch.bfloat16,
    Precision.FLOAT16: torch.float16,
}


def device_choose(wanted: Device) -> torch.device:
    """The device to run on."""
    if wanted is Device.AUTO:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(wanted.value)


def dtype_choose(wanted: Precision, device: torch.device) -> torch.dtype:
    """The numbers to compute in."""
    if wanted is not Precision.AUTO:
        return DTYPES[wanted]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return cpu_dtype(cpu_flags())


def cpu_dtype(flags: frozenset[str]) -> torch.dtype:
    """bfloat16 only where the CPU computes in it: emulated, it is far slower than float32."""
    return torch.bfloat16 if flags & NATIVE_BF16 else torch.float32


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """The instruction sets the kernel reports; none where it reports nothing."""
    if not cpuinfo.is_file():
        return frozenset()
    for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return frozenset(value.split())
    return frozenset()
