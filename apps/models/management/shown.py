"""Versions, work on their files, and what is held in memory, as the command shows them: a line each, or JSON."""

from __future__ import annotations

from typing import Any

from apps.models.models import ModelCache, ModelTask, ModelVersion
from apps.models.selectors import prompts_shown
from apps.models.servers.trial import Trial
from ragsite.core.commands.base import Told

MEGABYTE = 1024 * 1024


def version_told(version: ModelVersion, *trials: Trial) -> Told:
    """A version, after what was said of its servers."""
    lines = [*(trial.in_words for trial in trials), version_line(version)]
    told = version_json(version) | ({"trials": [trial.in_words for trial in trials]} if trials else {})
    return Told(told, "\n".join(lines))


def version_line(version: ModelVersion) -> str:
    """A version in a line."""
    default = " (default)" if version.model.is_default else ""
    does = f"{version.dimensions} dimensions" if version.dimensions else version.kind
    tokens = f"{version.max_tokens} tokens  " if version.max_tokens else ""
    where = f"  at {', '.join(version.urls)}" if version.urls else ""
    size = f"  {version.bytes / MEGABYTE:,.1f} MB" if version.bytes else ""
    prompts = f"  prompts: {shown}" if (shown := prompts_shown(version)) else ""
    why = f"  {version.error}" if version.error else ""
    why += f"  falls back to {version.fallback_id}" if version.fallback_id else ""
    return (
        f"{version.pk}  {version.model.name}{default}  {version.get_status_display().lower()}  "
        f"{does}  {tokens}{version.revision[:12]}{where}{size}{prompts}{why}"
    )


def version_json(version: ModelVersion) -> dict[str, Any]:
    """The same for programs."""
    names = ("kind", "status", "dimensions", "max_tokens", "revision", "urls", "bytes", "error", "fallback_id")
    about = {"id": version.pk, "model": version.model.name, "default": version.model.is_default}
    return about | {name: getattr(version, name) for name in names} | {"prompts": prompts_shown(version)}


def task_line(task: ModelTask) -> str:
    """A download, check or removal, and how far it is."""
    return f"{task.pk}  {task}: {task.in_words}"


def task_json(task: ModelTask) -> dict[str, Any]:
    """The same for programs."""
    return {"id": task.pk, "kind": task.kind, "model": task.name, "state": task.state, "text": task.in_words}


def held_line(held: ModelCache) -> str:
    """What a worker holds in memory."""
    pinned = ", stays loaded" if held.pinned else ""
    return (
        f"{held.worker}  holds {held.version}  {held.device}  {held.bytes / MEGABYTE:,.1f} MB  {held.uses} uses{pinned}"
    )


def held_json(held: ModelCache) -> dict[str, Any]:
    """The same for programs."""
    names = ("worker", "version_id", "device", "bytes", "uses", "pinned")
    return {name: getattr(held, name) for name in names}
