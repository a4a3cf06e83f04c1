"""The admin of access: tenants, their members and API keys, users and groups."""

from __future__ import annotations

from ragsite.gateway.admin import api_keys, memberships, outbox, tenants, users

__all__ = ["api_keys", "memberships", "outbox", "tenants", "users"]
