"""`manage.py capacity`: how many workers a load of documents needs, by a simulation with the times that were measured here."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from apps.monitoring.capacity.measured import arrivals_seen, times_measured
from apps.monitoring.capacity.planning import MOST_WORKERS, Plan, workers_needed
from apps.monitoring.capacity.simulating import Failures, Load, Outcome, Spread, Stage, simulate
from apps.monitoring.capacity.times import STAGES, CapacityError, StageTimes
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About
from workers.jobs import job_named
from workers.queues import Queue

KINDS: Mapping[Queue, str] = {
    Queue.PARSING: "parsing", Queue.CHUNKING: "general", Queue.MAINTENANCE: "general", Queue.EMBEDDING: "models",
}  # fmt: skip
"""Which workers take a queue, as Procfile, Compose and the chart start them."""

LEAST_DOCUMENTS, MOST_DOCUMENTS = 2_000, 20_000

TIMES = About(
    sentence="Say how long the stages take here, from what PostgreSQL has recorded of documents that came through.",
    examples=(
        ("manage.py capacity times --type pdf", "of PDF files alone"),
        ("manage.py capacity times --save times.json", "keep them, to plan another installation"),
    ),
)
PLAN = About(
    sentence="Say how many workers make 95 % of the documents ready in time.",
    examples=(
        ("manage.py capacity plan --per-hour 10000 --within 60", "by the times measured here"),
        (
            "manage.py capacity plan --per-hour 10000 --within 60 --together 300 --die-every 24",
            "in bursts, and with deaths",
        ),
    ),
    notes=(
        "Each process is taken to be as fast as those were whose times were measured: cores and models come with it.",
        "One process of `parsing` or `general` works on one claim at a time; one of `models` on two.",
    ),
)
SIMULATE = About(
    sentence="Say what becomes of a load with so many workers.",
    examples=(
        (
            "manage.py capacity simulate --workers parsing=4 general=2 models=1 --per-hour 5000",
            "how long documents take",
        ),
        ("manage.py capacity simulate --workers parsing=4 general=2 models=1 --at-once 300", "a burst of 300"),
    ),
)
CHECK = About(
    sentence="Simulate the newest documents as they came, and set what the simulation says beside what was measured.",
    examples=(
        ("manage.py capacity check --workers parsing=2 general=2 models=1 --last 300", "with the workers there were"),
    ),
)


class Command(base.Command):
    sentence = "How many workers a load needs: times of stages, plans, and a check of what plans are worth."

    def arguments_add(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="what", required=True)
        times, plan, simulated, check = (
            self.action_add(actions, name, about)
            for name, about in (("times", TIMES), ("plan", PLAN), ("simulate", SIMULATE), ("check", CHECK))
        )
        for one in (times, plan, simulated, check):
            one.add_argument("--type", default="", help="Documents of this type alone, such as `pdf`.")
        for one in (plan, simulated, check):
            one.add_argument(
                "--times", type=Path, help="A file that `times --save` wrote, instead of what is recorded here."
            )
            one.add_argument("--seed", type=int, default=1, help="Of what is left to chance (1).")
            one.add_argument(
                "--die-every", type=_positive, default=0.0, help="Hours after which a worker dies, on average."
            )
        for one in (simulated, check):
            one.add_argument(
                "--workers", nargs="+", type=_worker, required=True, metavar="KIND=N", help="Processes of each kind."
            )
        times.add_argument("--save", type=Path, help="Write them to this file.")
        plan.add_argument("--per-hour", type=_positive, required=True, help="Documents an hour.")
        plan.add_argument("--within", type=_positive, required=True, help="Seconds from upload to ready.")
        simulated.add_argument("--per-hour", type=_positive, default=0.0, help="Documents an hour.")
        simulated.add_argument("--at-once", type=int, default=0, help="So many documents once, instead.")
        for one in (plan, simulated):
            one.add_argument("--together", type=int, default=1, help="Documents that arrive together (1).")
        check.add_argument("--last", type=int, default=1_000, help="So many documents (1,000).")

    def run(self, options: Options) -> Told:
        """Raises CapacityError: too little is recorded, or it can't be done."""
        if options["what"] == "times":
            return _times(options)
        if options["what"] == "plan":
            return _plan(options)
        return _simulate(options) if options["what"] == "simulate" else _check(options)


def stages_of(times: Mapping[str, StageTimes]) -> list[Stage]:
    """The stages as the table of jobs has them."""
    jobs = [job_named(name) for name in STAGES]
    return [Stage(job.name, KINDS[job.queue], job.claims, times[job.name]) for job in jobs]


def places_of(processes: Mapping[str, int]) -> dict[str, int]:
    """How many claims so many processes of each kind work on at once."""
    return {kind: number * _at_once(kind) for kind, number in processes.items()}


def _at_once(kind: str) -> int:
    return max(job_named(name).at_once for name in STAGES if KINDS[job_named(name).queue] == kind)


def _times(options: Options) -> Told:
    found = times_measured(document_type=options["type"])
    told = {name: times.as_dict() for name, times in found.items()}
    if options["save"]:
        options["save"].write_text(json.dumps(told))
    lines = [
        f"{name:10} {times.fixed:7.3f} s a claim + {times.each:7.3f} s a document, begun after {times.handover:.3f} s"
        for name, times in found.items()
    ]
    return Told(told, "\n".join(lines))


def _plan(options: Options) -> Told:
    documents = int(min(MOST_DOCUMENTS, max(LEAST_DOCUMENTS, options["per_hour"])))
    load = Load(documents, options["per_hour"], options["together"])
    plan = workers_needed(
        stages_of(_given(options)), load, within=options["within"], failures=_failures(options), seed=options["seed"]
    )
    whole = _in_whole_processes(plan)
    return Told({"processes": whole, **_as_json(plan.outcome)}, f"{_processes(whole)}\n{_as_text(plan.outcome)}")


def _simulate(options: Options) -> Told:
    if bool(options["per_hour"]) == bool(options["at_once"]):
        raise CapacityError("Give either --per-hour or --at-once.")
    documents = options["at_once"] or int(min(MOST_DOCUMENTS, max(LEAST_DOCUMENTS, options["per_hour"])))
    arrivals = Load(documents, options["per_hour"], options["together"]).arrivals(random.Random(options["seed"]))  # noqa: S311
    outcome = _simulated(options, arrivals)
    return Told(_as_json(outcome), _as_text(outcome))


def _check(options: Options) -> Told:
    seen = arrivals_seen(last=options["last"], document_type=options["type"])
    measured = Spread.of([one.ready for one in seen])
    lasted = max(one.at + one.ready for one in seen)
    outcome = _simulated(options, [one.at for one in seen])
    told = {"documents": len(seen), "measured": asdict(measured) | {"seconds": lasted}, "simulated": _as_json(outcome)}
    lines = [
        f"{len(seen):,} documents, seconds from upload to ready:", "           mean     p50     p95     p99     all",
        f"measured  {_row(measured)} {lasted:7.1f}", f"simulated {_row(outcome.ready)} {outcome.seconds:7.1f}",
    ]  # fmt: skip
    return Told(told, "\n".join(lines))


def _simulated(options: Options, arrivals: list[float]) -> Outcome:
    processes = dict(options["workers"])
    if missing := sorted(set(KINDS.values()) - set(processes)):
        raise CapacityError(f"Say how many workers of {', '.join(missing)} there are.")
    stages = stages_of(_given(options))
    return simulate(stages, places_of(processes), arrivals, failures=_failures(options), seed=options["seed"])


def _given(options: Options) -> dict[str, StageTimes]:
    file = options["times"]
    if file is None:
        return times_measured(document_type=options["type"])
    try:
        told = json.loads(file.read_text())
        return {name: StageTimes.from_dict(told[name]) for name in STAGES}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CapacityError(
            f"{file} is no file of times.", action="Write it by `manage.py capacity times --save`."
        ) from error


def _failures(options: Options) -> Failures:
    return replace(Failures(), every_hours=options["die_every"])


def _in_whole_processes(plan: Plan) -> dict[str, int]:
    return {kind: -(-number // _at_once(kind)) for kind, number in plan.workers.items()}


def _processes(processes: Mapping[str, int]) -> str:
    return "Processes: " + ", ".join(f"{kind} {number:,}" for kind, number in processes.items())


def _row(spread: Spread) -> str:
    return " ".join(f"{value:7.1f}" for value in (spread.mean, spread.p50, spread.p95, spread.p99))


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return asdict(outcome)


def _as_text(outcome: Outcome) -> str:
    lines = ["seconds       mean     p50     p95     p99", f"ready      {_row(outcome.ready)}"]
    lines += [f"wait {name:6}{_row(spread)}" for name, spread in outcome.waits.items()]
    lines.append("busy: " + ", ".join(f"{kind} {share:.0%}" for kind, share in outcome.busy.items()))
    if outcome.died:
        lines.append(f"{outcome.died:,} workers died at work.")
    return "\n".join(lines)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not above zero")
    return number


def _worker(text: str) -> tuple[str, int]:
    kind, _, number = text.partition("=")
    if kind not in KINDS.values() or not number.isdigit() or not 1 <= int(number) <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is none of {', '.join(sorted(set(KINDS.values())))}, with `=` and a number from 1"
        )
    return kind, int(number)
