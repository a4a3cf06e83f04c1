"""`manage.py health`: whether all that the system needs answers."""

from __future__ import annotations

from apps.monitoring.health import Health, health_read
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.exits import ExitCode
from ragsite.core.commands.parsers import About

CODES = {
    Health.OK: ExitCode.DONE,
    Health.DEGRADED: ExitCode.FAILED,
    Health.DOWN: ExitCode.UNREACHABLE,
}


class Command(base.Command):
    about = About(
        sentence="Say of each part that the system needs whether it answers, as `/health/ready` does.",
        examples=(
            ("manage.py health", "a line for each part"),
            ("manage.py health --json", "the document that `/health/ready` gives"),
        ),
        notes=("It ends with 0 if all answer, with 3 if the database does not, and with 1 if another part does not.",),
    )

    def run(self, options: Options) -> Told:
        health, checks = health_read()
        lines = [health.value, *(f"  {name:<14}{found}" for name, found in checks.items())]
        return Told({"status": health.value, "checks": checks}, "\n".join(lines), CODES[health])
