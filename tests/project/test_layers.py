"""Who may import whom, and what the web process may need."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import packages_distributions
from importlib.metadata import requires as requirements_of
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[2]

# A process is told by argument which packages its image lacks, and finds none of them.
LACKING = """
import importlib.abc, sys
lacking = set(sys.argv[1].split())

class Lacking(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in lacking:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Lacking())
"""

# A process of the web image: the API, a Celery client (beat, Flower), the relay and manage.py.
RUN_AS_WEB = f"""{LACKING}
import django
django.setup()
import ragsite.asgi, ragsite.urls, ragsite.stack.local, workers.beat, workers.relay
from workers.celery import app
app.loader.import_default_modules()
"""


def required_by(file: str) -> set[str]:
    """The distributions a requirements file brings, with all that they require here."""
    lines = (PROJECT / "requirements" / file).read_text().splitlines()
    waiting = [Requirement(line) for line in lines if line and not line.startswith("#")]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key not in seen:
            seen.add(key)
            waiting += _requirements(wanted)
    return {name for name, _ in seen}


def _requirements(wanted: Requirement) -> list[Requirement]:
    """What a distribution requires, for the extras that were asked of it."""
    found = [Requirement(line) for line in requirements_of(wanted.name) or []]
    extras = ["", *wanted.extras]
    return [
        one for one in found if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)
    ]


def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_web_process_runs_on_what_its_image_has_without_any_model_library() -> None:
    provided = required_by("web.in")
    lacking = {
        package
        for package, distributions in packages_distributions().items()
        if not provided & {canonicalize_name(name) for name in distributions}
    }
    assert {"torch", "transformers", "llama_index"} <= lacking
    command = [sys.executable, "-c", RUN_AS_WEB, " ".join(lacking)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{done.stderr}\nAdd it to requirements/web.in, or import it where it is used."


def test_while_blobs_are_files_no_client_of_a_bucket_is_imported() -> None:
    """It would cost each process 30 MB."""
    program = f"{RUN_AS_WEB}\nimport sys\nfrom apps.documents.blobs import blob_store\nblob_store().check()\n"
    program += "assert not {'boto3', 'botocore', 'storages'} & set(sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, ""], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
