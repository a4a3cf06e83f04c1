"""The web process. Started as such, it pools its database connections and imports no model library.

uvicorn ragsite.asgi:application --http ragsite.asgi:Protocol
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
os.environ["RAGSITE_PROCESS"] = "web"

import resource

import django

django.setup(set_prefix=False)

from apps.retrieval.doors.mcp.door import McpDoor  # noqa: E402 - the edge looks callers up, and models need the set-up
from ragsite.core.dynamic.following import settings_follow  # noqa: E402
from ragsite.gateway.admission import Admission  # noqa: E402
from ragsite.gateway.edge import Edge, edge_limits  # noqa: E402
from ragsite.gateway.edge_protocol import EdgeProtocol  # noqa: E402
from ragsite.gateway.limits.gate import Gate  # noqa: E402
from ragsite.gateway.mounts import Mounts  # noqa: E402
from ragsite.gateway.one_thread import OneThreadHandler  # noqa: E402
from ragsite.gateway.problems import MCP  # noqa: E402
from ragsite.gateway.routes import capacities  # noqa: E402

OPEN_FILES = 4096
"""What the edge lets in takes up to two a request; many systems give a process 1,024."""


class Protocol(EdgeProtocol):
    """The server's end of a connection."""

    limits = edge_limits()


def _open_files_allow() -> None:
    """As many as are needed, or as many as the system lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


_open_files_allow()
settings_follow()
admission = Admission(capacities())
application = Edge(Mounts(OneThreadHandler(admission), {MCP: McpDoor(admission)}), Protocol.limits, Gate())
