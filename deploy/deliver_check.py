"""What there is from laptop to cluster, tried one part after the other: `make deliver-check`.

    python deploy/deliver_check.py [--only PART …] [--list] [--logs FOLDER]

Each part is *run* (the thing itself works here), *validated* (what a cluster would take is rendered and held against schemas and
rules), or *written* (nobody tries it here: it needs a container engine, a cluster or a graphics card). The last line of a part is
what its command said last. Exit status 1: a part failed. A part whose programs are missing says so, and is no failure.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
PYTEST = (PYTHON, "-m", "pytest", "-q")


class How(StrEnum):
    """How far a part is tried."""

    RUN = "run"
    VALIDATED = "validated"
    WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class Part:
    """One part: what it is called, what it shows, and the command that tries it."""

    name: str
    how: How
    shows: str
    command: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """Programs without which it can't be tried."""


PARTS = (
    Part("code", How.RUN, "style, types and layers", ("make", "lint")),
    Part("suite", How.RUN, "the whole test suite, on real servers", ("make", "test")),
    Part("demo", How.RUN, "samples in, three questions answered with citations", ("make", "demo")),
    Part("manual", How.RUN, "the manual as a site, without warnings", ("make", "docs")),
    Part("tutorial", How.RUN, "every block of the tutorial", (*PYTEST, "tests/flows/test_tutorial.py")),
    Part("backup", How.RUN, "back up, damage, restore, beside writers", (*PYTEST, "tests/ragsite/backups")),
    Part("transfers", How.RUN, "a tenant exported and imported elsewhere", (*PYTEST, "tests/ragsite/transfers")),
    Part("upgrade", How.RUN, "data of an earlier revision, while searches go on", ("make", "upgrade-rehearsal")),
    Part("faults", How.RUN, "the matrix of faults, each night's part", ("make", "faults")),
    Part("load", How.RUN, "500 searches, 200 streams, 300 uploads", (PYTHON, "-m", "benchmarks.load")),
    Part("tenants", How.RUN, "1,000 tenants of 100 documents", (PYTHON, "-m", "benchmarks.tenants")),
    Part("capacity", How.RUN, "queues, simulated and real", (PYTHON, "-m", "benchmarks.capacity")),
    Part(
        "stores", How.RUN, "vectors in PostgreSQL and in Milvus Lite", (*PYTEST, "tests/contracts/test_dense_stores.py")
    ),
    Part("images", How.VALIDATED, "recipes of images", (*PYTEST, "tests/project/test_images.py"), ("hadolint",)),
    Part(
        "compose",
        How.VALIDATED,
        "docker-compose.yml with each profile",
        (*PYTEST, "tests/project/test_compose.py"),
        ("docker-compose",),
    ),
    Part("proxy", How.RUN, "nginx with TLS in front", (*PYTEST, "tests/project/test_proxy.py"), ("nginx",)),
    Part("chart", How.VALIDATED, "the Helm chart, three value files", (*PYTEST, "tests/deploy/chart")),
    Part("migrations", How.VALIDATED, "none locks a large table", (*PYTEST, "tests/project/test_migrations.py")),
    Part("built-images", How.WRITTEN, "the workflow `images` builds, runs and publishes them"),
    Part("milvus-cluster", How.WRITTEN, "a Milvus of several nodes, with TLS and a login"),
    Part("clickhouse-cluster", How.WRITTEN, "shards and replicas of reports; the statements are parsed in the suite"),
    Part("cluster", How.WRITTEN, "the chart installed; CloudNativePG, Strimzi, KEDA and Istio beside it"),
    Part("graphics-cards", How.WRITTEN, "model workers on CUDA, MIG"),
)


def main(argv: list[str]) -> int:
    """Try the parts; the exit status."""
    parser = argparse.ArgumentParser(prog="make deliver-check", description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--only", nargs="+", metavar="PART", choices=[part.name for part in PARTS], help="try only these"
    )
    parser.add_argument("--list", action="store_true", help="say what there is and try nothing")
    parser.add_argument("--logs", type=Path, help="where what the commands print goes (default: a new folder)")
    options = parser.parse_args(argv)
    parts = [part for part in PARTS if not options.only or part.name in options.only]
    if options.list:
        print("\n".join(f"{part.name:19} {part.how:10} {part.shows}" for part in parts))
        return 0
    logs = options.logs or Path(tempfile.mkdtemp(prefix="ragsite-deliver-"))
    logs.mkdir(parents=True, exist_ok=True)
    print(f"What the commands print goes to {logs}", flush=True)
    outcomes = [tried(part, logs) for part in parts]
    return 0 if all(outcomes) else 1


def tried(part: Part, logs: Path) -> bool:
    """Try a part and say what came of it; False: it failed."""
    print(f"{part.name:19} {part.how:10} ", end="", flush=True)
    missing = [program for program in part.needs if shutil.which(program, path=_path()) is None]
    if part.how is How.WRITTEN or missing:
        print(f"not tried here: {', '.join(missing)} is missing" if missing else f"not tried here: {part.shows}")
        return True
    begun, log = time.monotonic(), logs / f"{part.name}.log"
    with log.open("w") as printed:
        status = subprocess.run(
            part.command,
            cwd=PROJECT,
            env=os.environ | {"PATH": _path()},
            stdout=printed,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    said = log.read_text(errors="replace").strip().splitlines()[-1:]
    print(f"{'ok' if status == 0 else f'FAILED ({status})'} in {time.monotonic() - begun:.0f} s: {''.join(said)[:120]}")
    return status == 0


def _path() -> str:
    return os.pathsep.join([str(Path(PYTHON).parent), os.environ.get("PATH", ""), "/usr/sbin"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
