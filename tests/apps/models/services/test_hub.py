from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from apps.models.services.hub import snapshot_fetch
from ragsite.core.errors import ModelUnavailableError, PermanentError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.mark.parametrize("revision", [None, "main", "v1.0", COMMIT[:12], COMMIT.upper()])
def test_only_a_full_commit_hash_pins_a_model(revision: str | None, tmp_path: Path) -> None:
    with pytest.raises(PermanentError) as refused:
        snapshot_fetch("someone/something", revision=revision, cache_dir=tmp_path)

    assert refused.value.error_code == "unpinned_revision"
    assert str(revision) in refused.value.message


def test_a_cached_commit_is_used_offline(make_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    snapshot = tmp_path / "cache" / "models--someone--something" / "snapshots" / COMMIT
    snapshot.parent.mkdir(parents=True)
    shutil.move(make_checkpoint(), snapshot)

    folder = snapshot_fetch("someone/something", revision=COMMIT, cache_dir=tmp_path / "cache")

    assert folder.resolve() == snapshot.resolve()
    assert (folder / "model.safetensors").is_file()


def test_offline_an_absent_commit_is_reported_as_unavailable(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="someone/something"):
        snapshot_fetch("someone/something", revision=COMMIT, cache_dir=tmp_path)
