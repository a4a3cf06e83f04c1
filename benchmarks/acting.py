"""Who acts in benchmarks."""

from __future__ import annotations

from ragsite.core.actors import Actor

ACTOR = Actor.of_command("benchmark")
