from __future__ import annotations

import pytest

from apps.models.engine import cpu, transformer
from apps.models.engine.layout import Layout


@pytest.fixture(params=["as this CPU does", "as a CPU without AVX-512 does"])
def either_cpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways in which CPUs compute in bfloat16; torch's own layers, which the second one takes, run on all."""
    if request.param != "as this CPU does":
        monkeypatch.setattr(cpu, "prepacks_bfloat16", lambda: False)


@pytest.fixture(autouse=True)
def _row_where_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which way is faster is another thing for tiny networks on every run."""
    monkeypatch.setattr(transformer, "layout_choose", lambda *_, **__: Layout.ROW)
