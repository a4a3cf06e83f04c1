"""The web process. Started as such, it pools its database connections and imports no model library.

uvicorn ragsite.asgi:application --http ragsite.asgi:Protocol
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
os.environ["RAGSITE_PROCESS"] = "web"

import django

from ragsite.gateway.edge import Edge, edge_limits
from ragsite.gateway.edge_protocol import EdgeProtocol
from ragsite.gateway.one_thread import OneThreadHandler

django.setup(set_prefix=False)


class Protocol(EdgeProtocol):
    """The server's end of a connection."""

    limits = edge_limits()


application = Edge(OneThreadHandler(), Protocol.limits)
