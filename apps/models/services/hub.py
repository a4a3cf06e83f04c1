"""Fetches checkpoints from the model hub, pinned to a commit."""

from __future__ import annotations

import re
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError, PermanentError

COMMIT = re.compile(r"[0-9a-f]{40}")
FILES = ["*.safetensors", "*.json", "*.txt"]


def snapshot_fetch(hub_id: str, *, revision: str | None, cache_dir: Path | None = None) -> Path:
    """The folder of a hub model at a commit, downloaded unless it is in the cache. HF_HUB_OFFLINE is respected.

    Only weights as safetensors, configuration and vocabulary are fetched, never code or pickles.

    Raises:
        PermanentError: (code `unpinned_revision`) `revision` is not a commit's full hash.
        ModelUnavailableError: the hub cannot be reached, and the cache has no such commit.
        ModelNotFoundError: the hub has no such model or commit.
    """
    if revision is None or not COMMIT.fullmatch(revision):
        raise PermanentError(
            f"The revision {revision!r} of {hub_id!r} is not a commit: branches and tags can change.",
            code="unpinned_revision",
            action="Give the full 40-digit commit hash with --revision.",
        )
    try:
        folder = snapshot_download(hub_id, revision=revision, allow_patterns=FILES, cache_dir=cache_dir)
    except LocalEntryNotFoundError as error:
        raise ModelUnavailableError(
            f"{hub_id!r} at {revision} is not in the local cache, and the hub cannot be reached.",
            action="Go online, or copy the checkpoint here and register its folder.",
        ) from error
    except HfHubHTTPError as error:
        raise ModelNotFoundError(
            f"The hub does not give {hub_id!r} at {revision}: {error}", action="Check the name and the commit."
        ) from error
    return Path(folder)
