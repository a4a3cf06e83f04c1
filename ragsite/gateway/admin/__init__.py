"""The admin of access: tenants, API keys, users and groups."""

from __future__ import annotations

from ragsite.gateway.admin import api_keys, tenants, users

__all__ = ["api_keys", "tenants", "users"]
