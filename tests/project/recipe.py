"""deploy/Dockerfile, read: what the image of each role starts, how it tells that it is well, and what it brings."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
RECIPE = PROJECT / "deploy" / "Dockerfile"
TEXT = re.sub(r"\\\n\s*", " ", RECIPE.read_text())
_STAGE = re.compile(r"^FROM (\S+) AS (\S+)$(.*?)(?=^FROM |\Z)", re.MULTILINE | re.DOTALL)
BASES = {name: base for base, name, _ in _STAGE.findall(TEXT)}
BODIES = {name: body for _, name, body in _STAGE.findall(TEXT)}


@dataclass(frozen=True, slots=True)
class Target:
    """The image of a role: its command as the Procfile writes it, its health check, its user, and the requirements it has."""

    command: str
    health: str
    user: str
    requirements: tuple[str, ...]


def lines(stage: str, instruction: str) -> list[str]:
    """An instruction's lines in a stage and, before them, in those that it is made from."""
    before = lines(BASES[stage], instruction) if BASES[stage] in BASES else []
    return [*before, *re.findall(rf"^{instruction} (.*)$", BODIES[stage], re.MULTILINE)]


def _target(stage: str) -> Target:
    command = " ".join(json.loads(lines(stage, "CMD")[-1]))
    packages = re.search(r"--from=(\S+) /opt/venv", " ".join(lines(stage, "COPY")))
    assert packages is not None
    installed = re.findall(r"--requirement requirements/(\S+)", " ".join(lines(packages[1], "RUN")))
    return Target(command, lines(stage, "HEALTHCHECK")[-1], lines(stage, "USER")[-1], tuple(installed))


TARGETS = {
    stage: _target(stage)
    for stage in BODIES
    if any("--from=" in line for line in lines(stage, "COPY")) and stage not in BASES.values()
}
"""By their names: what no other stage is made from, and has packages."""
