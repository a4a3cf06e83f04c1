"""An upgrade, rehearsed: a data folder that the code of an earlier revision makes, migrated by this code while searches go on.

    .venv/bin/python -m tests.upgrades.rehearse [REVISION] [--keep FOLDER] [--json]

Without a revision it is the newest tag, else the one that the file `revision` beside this names. The servers run throughout. The
old code ingests the samples and answers searches; this code migrates meanwhile; then process by process is replaced, as
docs/how-to/upgrade.md says it: model workers first, web processes last. It ends with 0 where no search failed, each found what
it found before, and all documents are what they were.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shlex
import signal
import socket
import string
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import httpx

PROJECT = Path(__file__).resolve().parents[2]
NAMED = Path(__file__).with_name("revision")
REPLACED = ("models", "parsing", "general", "beat", "relay", "web")
"""The processes of the Procfile, in the order in which they are replaced."""

FORMATS = {".md", ".html", ".txt", ".pdf", ".docx"}
READY_SECONDS, SETTLED_SECONDS = 300.0, 10.0
PAUSE_SECONDS = 0.05
QUESTIONS = 8
MODES = ("dense", "lexical")
"""What each leg finds no release changes without saying so; how both are brought together is a default, which may get better."""


@dataclass
class Code:
    """A revision in a folder of its own, and what its processes are given."""

    tree: Path
    environ: Mapping[str, str]
    mark: str
    logs: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def manage(self, *words: str, **environ: str) -> str:
        command = [sys.executable, "manage.py", *words]
        given = {**self.environ, **environ}
        done = subprocess.run(command, cwd=self.tree, env=given, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(
                f"{self.mark}: manage.py {' '.join(words)} ended with {done.returncode}:\n{done.stderr[-3000:]}"
            )
        return done.stdout

    def start(self, name: str) -> None:
        """A process of this revision's Procfile, under a name of its own."""
        text = next(line for line in (self.tree / "Procfile").read_text().splitlines() if line.startswith(f"{name}:"))
        filled = string.Template(text.partition(":")[2]).substitute(self.environ).replace("@%h", f"-{self.mark}@%h")
        log = (self.logs / f"{name}-{self.mark}.log").open("wb")
        words = shlex.split(filled)
        self.processes[name] = subprocess.Popen(
            words, cwd=self.tree, env=dict(self.environ), stdout=log, stderr=log, start_new_session=True
        )

    def stop(self, name: str) -> None:
        """Told to leave, as a supervisor does it; killed only if it stays."""
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def listens(self, name: str) -> bool:
        """Whether a worker of this revision answers."""
        node = f"{name}-{self.mark}@{socket.gethostname()}"
        command = ["celery", "-A", "workers.celery", "inspect", "ping", "--timeout", "5", "--destination", node]
        return not subprocess.run(
            command, cwd=self.tree, env=dict(self.environ), capture_output=True, check=False
        ).returncode

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environ['RAGSITE_WEB_PORT']}"


@dataclass(frozen=True)
class Search:
    """One that was made: at which step, how long it took, and what went wrong with it."""

    step: str
    seconds: float
    fault: str = ""


@dataclass
class Searches:
    """Searches one after another, each held against what the same question found at first."""

    key: str
    questions: list[str]
    url: str
    step: str = "before"
    made: list[Search] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _found: dict[tuple[str, str], list[Any]] = field(default_factory=dict)

    def run(self) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {self.key}"}, timeout=60) as client:
            while not self._over.is_set():
                for question, mode in product(self.questions, MODES):
                    self._one(client, question, mode)
                    time.sleep(PAUSE_SECONDS)

    def stop(self) -> None:
        self._over.set()

    def _one(self, client: httpx.Client, question: str, mode: str) -> None:
        step, url, begun = self.step, self.url, time.monotonic()
        try:
            answer = client.post(f"{url}/api/v1/search", json={"query": question, "mode": mode})
            fault = self._fault((question, mode), answer)
        except httpx.TransportError as error:
            fault = f"{type(error).__name__} at {url}"
        self.made.append(Search(step, time.monotonic() - begun, fault))

    def _fault(self, asked: tuple[str, str], answer: httpx.Response) -> str:
        if answer.status_code != httpx.codes.OK:
            return f"{answer.status_code}: {answer.text[:200]}"
        told = answer.json()
        found = [(one["version"], one["start"], one["end"]) for one in told["passages"]]
        if told.get("degraded"):
            return f"degraded: {told['degraded']}"[:200]
        return "" if found == self._found.setdefault(asked, found) and found else f"it found {found[:2]}"


def main() -> int:
    options = _options()
    revision = _git("rev-parse", "--short", options.revision or _revision())
    with contextlib.ExitStack() as ends:
        folder = Path(options.keep or ends.enter_context(tempfile.TemporaryDirectory(prefix="upgrade-")))
        old_tree = ends.enter_context(_worktree(folder / "old", revision))
        told = _rehearse(folder, old_tree, revision, ends)
    sys.stdout.write(f"{json.dumps(told)}\n" if options.json else f"{_text(told)}\n")
    return 0 if told["is_well"] else 1


def _rehearse(folder: Path, old_tree: Path, revision: str, ends: contextlib.ExitStack) -> dict[str, Any]:
    environ = _environ(folder, old_tree, ends)
    old = Code(old_tree, {**environ, **_own(old_tree, _free_port())}, "old", folder)
    new = Code(PROJECT, {**environ, **_own(PROJECT, _free_port())}, "new", folder)
    owner = {"DATABASE_URL": environ.get("DATABASE_OWNER_URL", environ["DATABASE_URL"])}
    _say(f"{revision}: making the data folder")
    old.manage("migrate", "--verbosity", "0", **owner)
    old.manage("bootstrap")
    for code in (old, new):
        ends.callback(lambda code=code: [code.stop(name) for name in list(code.processes)])  # type: ignore[misc]
    names = [name for name in REPLACED if name in _procfile(old_tree)]
    for name in names:
        old.start(name)
    _await_ready(old)
    key = old.manage("apikey", "upgrade").split()[-1]
    before = _ingested(old.url, key)
    questions = json.loads((PROJECT / "samples" / "questions.json").read_text())[:QUESTIONS]
    searches = Searches(key, [one["question"] for one in questions], old.url)
    searcher = threading.Thread(target=searches.run, daemon=True)
    searcher.start()
    time.sleep(SETTLED_SECONDS)
    _say("migrating, while the old processes answer")
    migrations = new.manage("showmigrations", "--plan").count("[ ]")
    searches.step, begun = "migrating", time.monotonic()
    new.manage("migrate", "--no-input", "--verbosity", "0", **owner)
    migrated_seconds = time.monotonic() - begun
    searches.step = "old code, new schema"
    time.sleep(SETTLED_SECONDS)
    _say("replacing process by process")
    _replace(old, new, names, searches)
    searches.step = "new code"
    time.sleep(SETTLED_SECONDS)
    after = _documents(new.url, key)
    uploaded = _uploaded_anew(new.url, key)
    searches.stop()
    searcher.join(60)
    return _told(revision, searches.made, migrations, migrated_seconds, before == after, len(before), uploaded)


def _replace(old: Code, new: Code, names: list[str], searches: Searches) -> None:
    """Each kind of process is there twice for a moment, so that somebody is always there."""
    searches.step = "replacing"
    for name in names:
        new.start(name)
        if name == "web":
            _await_ready(new)
            searches.url = new.url
            time.sleep(1)
        elif name == "models":
            _until(lambda: new.listens("models"), "the new model worker listens", READY_SECONDS)
        old.stop(name)


def _told(
    revision: str, made: list[Search], migrations: int, seconds: float, is_equal: bool, documents: int, uploaded: bool
) -> dict[str, Any]:
    steps = {}
    for step in dict.fromkeys(one.step for one in made):
        some = sorted(one.seconds for one in made if one.step == step)
        failed = [one for one in made if one.step == step and one.fault]
        steps[step] = {
            "searches": len(some), "failed": len(failed), "median_ms": round(some[len(some) // 2] * 1000),
            "longest_ms": round(some[-1] * 1000),
        }  # fmt: skip
    faults = [one.fault for one in made if one.fault]
    return {
        "from": revision, "to": _git("rev-parse", "--short", "HEAD"), "migrations": migrations,
        "migrating_seconds": round(seconds, 1), "documents": documents, "documents_equal": is_equal,
        "uploaded_by_new_code": uploaded, "steps": steps, "failed": len(faults), "faults": faults[:5],
        "is_well": not faults and is_equal and uploaded,
    }  # fmt: skip


def _text(told: Mapping[str, Any]) -> str:
    lines = [
        f"{told['from']} to {told['to']}: {told['migrations']} migrations in {told['migrating_seconds']} s; "
        f"{told['documents']} documents, {'equal' if told['documents_equal'] else 'DIFFERENT'} afterwards",
        "| step | searches | failed | median | longest |",
        "|---|---|---|---|---|",
    ]
    for step, one in told["steps"].items():
        lines.append(
            f"| {step} | {one['searches']:,} | {one['failed']} | {one['median_ms']} ms | {one['longest_ms']:,} ms |"
        )
    return "\n".join([*lines, *(f"fault: {one}" for one in told["faults"])])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", nargs="?", help="The revision that makes the data folder.")
    parser.add_argument("--keep", metavar="FOLDER", help="Where the data folder and the logs stay.")
    parser.add_argument("--json", action="store_true", help="Print one JSON document.")
    return parser.parse_args()


def _revision() -> str:
    tags = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    return tags.stdout.strip() or NAMED.read_text().strip()


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()


@contextlib.contextmanager
def _worktree(path: Path, revision: str) -> Iterator[Path]:
    _git("worktree", "add", "--detach", "--force", str(path), revision)
    try:
        yield path
    finally:
        _git("worktree", "remove", "--force", str(path))


def _environ(folder: Path, tree: Path, ends: contextlib.ExitStack) -> dict[str, str]:
    """What all processes are given, with the addresses of the servers, which the old code starts."""
    data = folder / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    own = ("RAGSITE_", "DATABASE_", "REDIS_", "KAFKA_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    given = {
        **kept, "RAGSITE_DATA_DIR": str(data), "RAGSITE_SECRET_KEY": secrets.token_urlsafe(40),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]),
    }  # fmt: skip
    servers = Code(tree, {**given, "PYTHONPATH": str(tree)}, "servers", folder)
    ends.callback(servers.manage, "stack", "down")
    for line in servers.manage("stack", "env").splitlines():
        if line.startswith("export ") and not line.startswith("export PATH="):
            (word,) = shlex.split(line.removeprefix("export "))
            name, _, value = word.partition("=")
            given[name] = value
    return given


def _own(tree: Path, port: int) -> dict[str, str]:
    return {"PYTHONPATH": str(tree), "RAGSITE_WEB_PORT": str(port), "RAGSITE_FLOWER_PORT": "0"}


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _procfile(tree: Path) -> set[str]:
    return {line.partition(":")[0] for line in (tree / "Procfile").read_text().splitlines() if ":" in line}


def _ingested(url: str, key: str) -> list[Any]:
    """The samples, uploaded and ready; all documents as the API tells of them."""
    with _client(url, key) as client:
        base = client.post("/knowledge-bases/", json={"name": "Samples"}).raise_for_status().json()["id"]
        for path in sorted((PROJECT / "samples").iterdir()):
            if path.suffix in FORMATS:
                _upload(client, base, path.name, path.read_bytes())
    _until(lambda: all(one["current_version"] for one in _rows(url, key)), "the samples are indexed", READY_SECONDS)
    return _documents(url, key)


def _uploaded_anew(url: str, key: str) -> bool:
    """Whether the new code takes a document, and finds it."""
    with _client(url, key) as client:
        base = client.get("/knowledge-bases/").raise_for_status().json()["results"][0]["id"]
        document = _upload(client, base, "after.txt", b"The upgrade to the xylophone edition went well.")

        def is_found() -> bool:
            found = client.post("/search", json={"query": "xylophone edition"}).json()["passages"]
            return bool(found) and found[0]["document"] == document

        _until(is_found, "the new document is found", READY_SECONDS)
    return True


def _upload(client: httpx.Client, base: str, name: str, content: bytes) -> str:
    sent = client.post("/documents/", data={"knowledge_base": base}, files={"file": (name, content)})
    return str(sent.raise_for_status().json()["document"])


def _documents(url: str, key: str) -> list[Any]:
    """What both versions say of each document."""
    names = ("id", "title", "knowledge_base", "content_hash", "metadata", "tags", "created_at", "status")
    versions = ("id", "number", "chunk_count", "ready_at")
    found = [
        [one[name] for name in names] + [one["current_version"].get(name) for name in versions]
        for one in _rows(url, key)
    ]
    return sorted(found, key=str)


def _rows(url: str, key: str) -> list[dict[str, Any]]:
    with _client(url, key) as client:
        rows: list[dict[str, Any]] = client.get("/documents/?limit=100").raise_for_status().json()["results"]
        return rows


def _client(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=60)


def _await_ready(code: Code) -> None:
    def answers() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{code.url}/health/ready", timeout=5).status_code == httpx.codes.OK
        return False

    _until(answers, f"the web process of {code.mark} is ready", READY_SECONDS)


def _until(condition: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"It took more than {seconds:.0f} s until {what}.")
        time.sleep(0.2)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
