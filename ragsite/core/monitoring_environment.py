"""The settings of what watches the system. `ragsite.core.environment` reads them with the others."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class MonitoringEnvironment(BaseSettings):
    """See Environment."""

    ragsite_metrics_port: int = Field(
        0, ge=0, le=65_535, description="Where workers, beat and relay tell metrics; 0: nowhere."
    )
    ragsite_metrics_address: str = Field("127.0.0.1", description="The address of this machine that they listen at.")
    ragsite_flower_url: str = Field("", description="Where people open Flower; empty: the admin has no link to it.")
