"""Evaluation runs: begun for each set, waited for, and compared with the run before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ragsite_client import Client, ConflictError

from ragsite_batch.asking import NeedsPeopleError, once

ENDED = ("done", "failed")
HOW = ("mode", "rerank", "k", "depth")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sets are run, all that the key may see if none is named; how; and when a difference counts as a fall."""

    sets: Sequence[str] = ()
    mode: str = "hybrid"
    rerank: bool = False
    k: int = 10
    depth: int = 100
    margin: float = 0.02
    level: float = 0.05

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Wanted:
        """From a mapping that has some of the fields.

        Raises:
            ValueError: it has another one.
        """
        if unknown := told.keys() - cls.__dataclass_fields__.keys():
            raise ValueError(
                f"{sorted(unknown)} is nothing that an evaluation has; it has {[*cls.__dataclass_fields__]}."
            )
        return cls(**told)

    @property
    def how(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in HOW}


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that was begun, and the one before it of the same kind, or ""."""

    set: str
    name: str
    run: str
    before: str = ""

    def told(self) -> dict[str, str]:
        """As one task tells the next."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run. `fell` says in a sentence that it is worse than the one before; `links` are those of the run."""

    name: str
    run: str
    figures: Mapping[str, float] = field(default_factory=dict)
    fell: str = ""
    error: str = ""

    def told(self) -> dict[str, Any]:
        """As one task tells the next."""
        return asdict(self)


def runs_begin(client: Client, wanted: Wanted, *, run: str) -> list[Begun]:
    """Begin a run of each set; sets without a question that could be measured are left out. It takes `read` and `write`.

    `run` names the run of the DAG: within it each set is begun once.
    """
    known = [one for one in client.rows("/evaluation-sets/") if not wanted.sets or one["id"] in wanted.sets]
    if missing := set(wanted.sets) - {one["id"] for one in known}:
        raise NeedsPeopleError(f"There are no evaluation sets {sorted(missing)}, or the key may not see them.")
    return [begun for one in known if (begun := _begun(client, one, wanted, run)) is not None]


def runs_have_ended(client: Client, begun: Iterable[Begun]) -> bool:
    """Whether all have."""
    return all(_run(client, one.run)["state"] in ENDED for one in begun)


def runs_compare(client: Client, begun: Iterable[Begun], wanted: Wanted) -> list[Outcome]:
    """The figures of each run, and whether nDCG fell since the run before by more than the margin and more than chance."""
    return [_outcome(client, one, wanted) for one in begun]


def outcomes_raise(outcomes: Iterable[Outcome]) -> None:
    """Tell people of runs that failed, and of quality that fell.

    Raises:
        NeedsPeopleError: with a line for each.
    """
    if lines := [f"{one.name}: {one.error or one.fell}" for one in outcomes if one.error or one.fell]:
        raise NeedsPeopleError("\n".join(lines))


def _begun(client: Client, evaluation_set: Mapping[str, Any], wanted: Wanted, run: str) -> Begun | None:
    set_id = evaluation_set["id"]
    earlier = [one for one in client.rows("/evaluation-runs/", evaluation_set=set_id) if _is_alike(one, wanted)]
    body = {"evaluation_set": set_id, **wanted.how}
    try:
        made = client.call("POST", "/evaluation-runs/", body, idempotency_key=once(run, "evaluate", set_id))
    except ConflictError:
        return None
    before = next((one["id"] for one in earlier if one["id"] != made["id"]), "")
    return Begun(set_id, evaluation_set["name"], made["id"], before)


def _is_alike(run: Mapping[str, Any], wanted: Wanted) -> bool:
    return run["state"] == "done" and {name: run[name] for name in HOW} == wanted.how


def _run(client: Client, run: str) -> dict[str, Any]:
    found: dict[str, Any] = client.call("GET", f"/evaluation-runs/{run}/")
    return found


def _outcome(client: Client, begun: Begun, wanted: Wanted) -> Outcome:
    run = _run(client, begun.run)
    if run["state"] == "failed":
        return Outcome(begun.name, begun.run, error=run["error"])
    fell = _fall(client, begun, wanted) if begun.before else ""
    return Outcome(begun.name, begun.run, run["metrics"], fell)


def _fall(client: Client, begun: Begun, wanted: Wanted) -> str:
    try:
        compared = client.call("GET", f"/evaluation-runs/{begun.run}/compare/", against=begun.before)
    except ConflictError:
        return ""
    wanted_figure = f"ndcg@{wanted.k}"
    one = next(figure for figure in compared["figures"] if figure["name"] == wanted_figure)
    if one["against"] - one["value"] <= wanted.margin or one["p"] >= wanted.level:
        return ""
    return (
        f"{wanted_figure} fell from {one['against']:.3f} to {one['value']:.3f} (p = {one['p']:.3f}); run {begun.run}."
    )
