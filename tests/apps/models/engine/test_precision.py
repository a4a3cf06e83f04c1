from __future__ import annotations

from pathlib import Path

import pytest
import torch

from apps.models.engine.precision import cpu_dtype, cpu_flags, device_choose, dtype_choose
from apps.models.engine.settings import Device, Precision


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ({"avx2", "avx512f"}, torch.float32),
        ({"avx512f", "avx512_bf16"}, torch.bfloat16),
        ({"amx_bf16"}, torch.bfloat16),
        (set(), torch.float32),
    ],
)
def test_a_cpu_computes_in_bfloat16_only_with_instructions_for_it(flags: set[str], dtype: torch.dtype) -> None:
    assert cpu_dtype(frozenset(flags)) is dtype


def test_the_cpus_flags_are_read_from_the_kernels_report(tmp_path: Path) -> None:
    report = tmp_path / "cpuinfo"
    report.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512_bf16\nbugs\t\t: none\n")

    assert cpu_flags(report) == {"fpu", "avx2", "avx512_bf16"}
    assert cpu_flags(tmp_path / "absent") == frozenset()


def test_a_wanted_precision_and_device_are_taken_as_they_are() -> None:
    device = device_choose(Device.CPU)

    assert device.type == "cpu"
    assert dtype_choose(Precision.FLOAT16, device) is torch.float16
