"""The whole system on one machine: servers, schema, first login, and the processes of the Procfile."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from ragsite.core.errors import ConfigurationError, ServiceUnavailableError
from ragsite.stack import ports, processes
from ragsite.stack.folders import make_private, open_lock, try_lock, write_private
from ragsite.stack.keeper import Keeper
from ragsite.stack.local import PROJECT_DIR, secret_key
from ragsite.stack.preflight import second_store_complaint, servers_check
from ragsite.stack.session import servers
from ragsite.stack.stack import Stack
from ragsite.stack.stopping import held, stopping_begins
from ragsite.stack.supervisor import Supervisor, system_commands

READY_SECONDS = 120.0
WEB_PORT = ("RAGSITE_WEB_PORT", 8000)
FLOWER_PORT = ("RAGSITE_FLOWER_PORT", 5555)
METRICS_PORT = "RAGSITE_METRICS_PORT"
SERVE_PAGES = frozenset({"web", "flower"})
"""These tell their metrics at `/metrics`."""


@dataclass(frozen=True, slots=True)
class System:
    """A running system: where to reach it, and the environment its commands need."""

    url: str
    flower_url: str
    flower_login: str
    admin_login: str
    environ: dict[str, str]
    supervisor: Supervisor

    def manage(self, *arguments: str) -> str:
        """Run a `manage.py` command against this system; what it printed."""
        return _manage(self.environ, *arguments)


@contextlib.contextmanager
def system(directory: Path, environ: Mapping[str, str], *, say: Callable[[str], None] = print) -> Iterator[System]:
    """Start everything whose data is in `directory`, keep it running, and stop it at the end. `say` is told what goes on.

    Raises:
        ConfigurationError: a setting is wrong or a port is taken; the message names the setting.
        ServiceUnavailableError: something did not come up; the message holds its last words.
    """
    make_private(directory)
    with open_lock(directory / "system.lock") as lock, contextlib.ExitStack() as stack:
        if not try_lock(lock, shared=False):
            raise ConfigurationError(f"RAGSITE_DATA_DIR={directory}: a system is already running there; stop it first.")
        say("servers: starting")
        env = _complete(environ, directory, stack.enter_context(servers(directory / "stack", environ, say=say)))
        servers_check(env)
        if complaint := second_store_complaint(env):
            say(f"copies of uploads: none for now. {complaint}")
        say("database: bringing the schema up to date")
        admin_login = schema_prepare(env)
        env |= _ports_found(env)
        commands = system_commands(env)
        say(f"processes: starting {', '.join(commands)}")
        given = _metrics_given(env, commands)
        supervisor = Supervisor(commands, environ=env, directory=directory, given=given, say=say)
        with held():
            stack.enter_context(supervisor)
            stack.enter_context(Keeper(Stack(directory / "stack", environ), tell=supervisor.events.append))
            stack.callback(stopping_begins)
        found = System(
            url=f"http://127.0.0.1:{env['RAGSITE_WEB_PORT']}",
            flower_url=f"http://127.0.0.1:{env['RAGSITE_FLOWER_PORT']}",
            flower_login=env["FLOWER_BASIC_AUTH"].replace(":", " / ", 1),
            admin_login=admin_login,
            environ=env,
            supervisor=supervisor,
        )
        _await_ready(found)
        yield found


def schema_prepare(environ: Mapping[str, str]) -> str:
    """Bring the schema up to date as its owner, and make what a new installation needs; the first admin login."""
    owner = {**environ, "DATABASE_URL": environ.get("DATABASE_OWNER_URL", environ["DATABASE_URL"])}
    _manage(owner, "migrate", "--verbosity", "0")
    return _admin_login(_manage(environ, "bootstrap"))


def _complete(environ: Mapping[str, str], directory: Path, found: Mapping[str, str]) -> dict[str, str]:
    """The environment of every process: what was given, what was found, and what follows from the folder."""
    env = {**environ, **found, "RAGSITE_DATA_DIR": str(directory)}
    env.setdefault("RAGSITE_SECRET_KEY", secret_key(directory))
    env.setdefault("FLOWER_BASIC_AUTH", f"admin:{_flower_password(directory)}")
    for name, _ in (WEB_PORT, FLOWER_PORT):
        if (port := ports.asked_port(name, env.get(name, ""))) is not None:
            ports.require_free(name, port)
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    env["PYTHONPATH"] = str(PROJECT_DIR)
    return env


def metrics_ports(environ: Mapping[str, str], commands: Iterable[str]) -> dict[str, int]:
    """Where each process that serves no pages tells its metrics: the port that was asked for, and those after it; nowhere if
    none was.

    Raises:
        ConfigurationError: what was asked for is no port.
    """
    first = ports.asked_port(METRICS_PORT, environ.get(METRICS_PORT, "").lstrip("0"))
    if first is None:
        return {}
    return {name: first + n for n, name in enumerate(name for name in commands if name not in SERVE_PAGES)}


def _metrics_given(environ: Mapping[str, str], commands: Iterable[str]) -> dict[str, dict[str, str]]:
    """The variable of each process. Raises ConfigurationError: another program has one of the ports."""
    wanted = metrics_ports(environ, commands)
    return {name: {METRICS_PORT: str(ports.require_free(METRICS_PORT, port))} for name, port in wanted.items()}


def _ports_found(environ: Mapping[str, str]) -> dict[str, str]:
    """Where pages are served: at the ports asked for, else at the usual ones, or any where those are taken.

    They are chosen just before the processes begin: a second system that starts meanwhile would choose the same.
    """
    chosen = {
        name: environ.get(name) or str(usual if ports.is_free(usual) else ports.find_free())
        for name, usual in (WEB_PORT, FLOWER_PORT)
    }
    usual_url = f"http://127.0.0.1:{chosen[FLOWER_PORT[0]]}"
    return chosen | {"RAGSITE_FLOWER_URL": environ.get("RAGSITE_FLOWER_URL", usual_url)}


def _flower_password(directory: Path) -> str:
    path = directory / "flower_password"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(12))
    return path.read_text()


def _manage(environ: Mapping[str, str], *arguments: str) -> str:
    done = processes.run([sys.executable, "manage.py", *arguments], cwd=PROJECT_DIR, env=environ)
    if done.returncode:
        words = processes.telling_line(done.stderr) or processes.telling_line(done.stdout)
        raise ServiceUnavailableError(f"manage.py {arguments[0]} failed: {words}")
    return done.stdout


def _admin_login(printed: str) -> str:
    return next((line.partition(": ")[2] for line in printed.splitlines() if line.startswith("admin login: ")), "")


def _await_ready(found: System) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(f"{found.url}/health/ready"):
        if time.monotonic() > deadline:
            words = processes.telling_line(found.supervisor.log("web").read_text(errors="replace"))
            raise ServiceUnavailableError(f"The web process did not become ready at {found.url}: {words}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
