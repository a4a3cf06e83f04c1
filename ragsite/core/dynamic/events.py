"""What changes of settings publish to the outside. Fields only; order holds per place."""

from __future__ import annotations

from uuid import UUID

from ragsite.core.events import Event, event


@event("setting.changed", key="place_id", is_act=False)
class SettingChanged(Event):
    """A setting or a feature flag was changed while the system runs: every process goes by it within seconds."""

    tenant_id: UUID | None = None  # type: ignore[assignment]  # the installation has settings, too
    place_id: UUID
    """The knowledge base, or the tenant, or zeros for the installation."""
    level: str
    """`installation`, `tenant` or `knowledge_base`."""
    setting: str
    before: str | None
    """As JSON; null where nothing was set at this place."""
    after: str | None
    """As JSON; null where nothing is set any more, so that what is set above holds."""
