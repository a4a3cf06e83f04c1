"""Flower's own settings file, which it runs when it starts (`--conf`): its metrics ask for the login, as its other pages do."""

from __future__ import annotations

from flower.views.monitor import Metrics  # type: ignore[import-untyped]
from tornado.web import authenticated

Metrics.get = authenticated(Metrics.get)
