"""deploy/Dockerfile: each role's image has what its work needs and no more, runs without rights and tells how it is."""

from __future__ import annotations

import ast
import http.server
import re
import shutil
import subprocess
import sys
import threading
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.project.recipe import BASES, BODIES, RECIPE, TARGETS, TEXT, Target
from tests.project.test_layers import LACKING, required_by

PROJECT = Path(__file__).resolve().parents[2]
HEALTH = PROJECT / "deploy" / "health.py"
MODEL_LIBRARIES = {"torch", "transformers", "safetensors", "accelerate"}
OF_MODELS = ("apps/models", "apps/retrieval", "apps/documents/chunking")
BRINGS = {
    "parsing": ("web.in", "parsing.in"),
    "general": ("web.in", "chunking.in"),
    "models-cpu": ("web.in", "chunking.in", "weights.in", "models.in"),
    "models-cuda": ("web.in", "chunking.in", "weights.in", "models.in"),
}

# What a worker imports when it starts, and what parsing imports when a file of the type comes.
RUN_AS_WORKER = f"""{LACKING}
import django
django.setup()
from django.utils.module_loading import import_string
from workers.celery import app
from workers.jobs import JOBS
app.loader.import_default_modules()
queues = sys.argv[2].split(",")
for job in JOBS:
    if job.queue.value in queues:
        import_string(job.work)
if "parsing" in queues:
    from apps.documents.parsing.registry import PARSERS, parser_for
    [parser_for(kind) for kind in PARSERS]
"""


def lacking(target: Target) -> set[str]:
    """The packages of this machine that the image has not. Weights come without what they ask for, and are always there."""
    provided = set().union(*(required_by(file) for file in target.requirements if file != "weights.in"))
    return {
        package
        for package, distributions in packages_distributions().items()
        if not provided & {canonicalize_name(name) for name in distributions}
    }


def imported(module: Path) -> set[str]:
    """The packages that its statements import, wherever they stand."""
    nodes = list(ast.walk(ast.parse(module.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    of = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in plain | of}


@pytest.mark.parametrize("name", ["parsing", "general"])
def test_a_worker_runs_on_what_its_image_has(name: str) -> None:
    target = TARGETS[name]
    queues = re.search(r"-Q (\S+)", target.command)
    assert queues is not None
    missing = lacking(target)
    assert missing >= MODEL_LIBRARIES
    command = [sys.executable, "-c", RUN_AS_WORKER, " ".join(missing), queues[1]]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_a_model_worker_imports_nothing_that_its_image_has_not() -> None:
    """By reading, as importing it all takes a model worker's time to start."""
    missing = lacking(TARGETS["models-cpu"])
    assert not missing & MODEL_LIBRARIES
    assert {"lxml", "pypdfium2"} <= missing
    modules = [path for place in OF_MODELS for path in (PROJECT / place).rglob("*.py")]
    assert {str(path): found for path in modules if (found := imported(path) & missing)} == {}


def test_an_image_brings_the_requirements_of_its_role_alone() -> None:
    """tests/project/test_layers.py holds that web.in is enough for all others."""
    assert {name: target.requirements for name, target in TARGETS.items()} == {
        name: BRINGS.get(name, ("web.in",)) for name in TARGETS
    }
    workers = (PROJECT / "requirements" / "workers.in").read_text()
    assert re.findall(r"^-r (\S+)$", workers, re.MULTILINE) == ["parsing.in", "chunking.in", "models.in"]


def test_the_image_that_makes_backups_has_programs_of_the_servers_version() -> None:
    brought = re.search(r"^ARG POSTGRESQL_CLIENT=(\d+)$", BODIES["web"], re.MULTILINE)
    assert brought is not None
    places = ("docker-compose.yml", "deploy/helm/ragsite/values.yaml", "deploy/helm/servers/postgresql.yaml")
    servers = [re.findall(r"(?:pgvector\S*-pg|/postgresql:)(\d+)", (PROJECT / place).read_text()) for place in places]
    assert [set(found) for found in servers] == [{brought[1]}] * len(places)


def test_an_image_runs_as_a_user_without_rights_by_number() -> None:
    assert {target.user for target in TARGETS.values()} == {"10001:10001"}


def test_all_are_made_from_one_image_that_can_be_pinned() -> None:
    foreign = {base for base in BASES.values() if base not in BASES}
    assert foreign == {"${PYTHON_IMAGE}"}
    assert TEXT.index("ARG PYTHON_IMAGE=") < TEXT.index("FROM ")


def test_the_images_are_built_from_files_that_exist_and_are_let_in() -> None:
    sources = {one for line in re.findall(r"^COPY (?!--from)(.*) \S+$", TEXT, re.MULTILINE) for one in line.split()}
    assert all((PROJECT / source).exists() for source in sources)
    ignored = (PROJECT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    assert ignored[0] == "*"
    assert [one for one in sources if not one.startswith(tuple(let_in))] == []


def test_the_workflow_builds_each_image() -> None:
    workflow = (PROJECT / ".github" / "workflows" / "images.yml").read_text()
    matrix = re.search(r"target: \[(.*)\]", workflow)
    assert matrix is not None
    assert set(matrix[1].split(", ")) == set(TARGETS)


@pytest.mark.hadolint
@pytest.mark.parametrize(
    "recipe", [RECIPE, PROJECT / "deploy" / "airflow" / "Dockerfile"], ids=lambda path: path.parent.name
)
def test_hadolint_has_nothing_to_say_of_a_recipe(recipe: Path) -> None:
    found = shutil.which("hadolint")
    if found is None:
        pytest.fail("No hadolint found. Install it, or deselect with -m 'not hadolint'.")
    checked = subprocess.run([found, "--no-color", recipe], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


class Answering(http.server.BaseHTTPRequestHandler):
    """Well where the request is one that a proxy of ours could have sent, else ill."""

    def do_GET(self) -> None:
        asked = (self.path, self.headers["Host"], self.headers["X-Forwarded-Proto"])
        self.send_response(200 if asked == ("/health/live", "localhost", "https") else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_the_health_check_tells_a_process_that_answers_from_one_that_does_not() -> None:
    def ask(port: int, path: str = "/health/live") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", HEALTH, str(port), path]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)

    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert ask(server.server_port).returncode == 0
        ill = ask(server.server_port, "/metrics")
        server.shutdown()
    gone = ask(server.server_port)
    assert (ill.returncode, gone.returncode) == (1, 1)
    assert ill.stderr.endswith("/metrics: 503\n")
    assert "refused" in gone.stderr
    assert ask(0).returncode == 0
