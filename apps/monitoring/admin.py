"""The admin of monitoring."""

from __future__ import annotations

from apps.monitoring.webhooks import admin as webhooks

__all__ = ["webhooks"]
