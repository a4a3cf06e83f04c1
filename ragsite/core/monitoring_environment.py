"""The settings of what watches the system. `ragsite.core.environment` reads them with the others."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from ragsite.core.mail_servers import MailServer, mail_server_read
from ragsite.core.setting_files import FilesSource
from ragsite.core.setting_texts import ClickHouseUrl, listed
from ragsite.core.storage.places import FolderPlace, S3Place, second_place

SHORTEST_SECRET = 32
TRACE_ID = "{trace_id}"
"""What stands for a trace's id in the address where it is opened."""
_URL = re.compile(r"https?://[^\s/@]+(/\S*)?")
_SERVER = re.compile(r"https?://[A-Za-z0-9._-]+:[0-9]{1,5}")
_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?")
_ADDRESS = re.compile(r"[^\s@,<>]+@[^\s@,<>]+")


class MonitoringEnvironment(BaseSettings):
    """See Environment."""

    ragsite_metrics_port: int = Field(
        0, ge=0, le=65_535, description="Where workers, beat and relay tell metrics; 0: nowhere."
    )
    ragsite_metrics_address: str = Field("127.0.0.1", description="The address of this machine that they listen at.")
    ragsite_flower_url: str = Field("", description="Where people open Flower; empty: the admin has no link to it.")
    ragsite_public_url: str = Field("", description="Where people open ragsite, for links to it; empty: none are told.")
    ragsite_mlflow_url: str = Field("", description="Where people open MLflow; empty: where it is logged to.")
    ragsite_alert_webhook_url: str = Field("", description="Where alerts are sent as JSON; empty: nowhere.")
    ragsite_alert_webhook_secret: SecretStr = Field(
        SecretStr(""), description="Signs what is sent there; at least 32 random characters."
    )
    ragsite_alert_emails: str = Field("", description="Comma-separated addresses that alerts are mailed to.")
    ragsite_alert_sender: str = Field("", description="The address that they come from.")
    ragsite_alert_queue_seconds: int = Field(
        600, ge=30, le=86_400, description="After so long of waiting in a queue there is an alert."
    )
    ragsite_mail_server: SecretStr = Field(
        SecretStr(""), description="Who takes mail: `smtp://user:password@host:587?starttls`, or `smtps://…`."
    )

    ragsite_second_blob_store: str = Field(
        "", description="Where blobs are copied to: `s3://bucket/prefix`, or `file:///folder`; empty: nowhere."
    )
    ragsite_reranked_passages: int = Field(
        50, ge=1, le=200, description="Passages that a reranker reads, the best of a search."
    )
    ragsite_vector_store: Literal["postgresql", "milvus"] = Field(
        "postgresql", description="Where vectors of new index generations are searched."
    )
    ragsite_milvus_url: str = Field("", description="Milvus, as `https://milvus.example.org:19530`; empty: none.")
    ragsite_milvus_token: SecretStr = Field(SecretStr(""), description="The login there: `user:password`, or a token.")
    ragsite_search_candidates: int = Field(
        0, ge=0, le=5_000, description="Candidates that an index gives a search; 0: as many as its size asks for."
    )
    ragsite_quantised_min_rows: int = Field(
        0, ge=0, description="Rows from which a generation's index is of single bits; 0: never."
    )
    ragsite_index_memory_mb: int = Field(
        512, ge=64, le=65_536, description="Memory that building an index may take, in MB."
    )

    ragsite_webhook_hosts: str = Field(
        "", description="Comma-separated hosts of your own that tenants' webhooks may be at, besides public ones."
    )
    clickhouse_url: ClickHouseUrl = Field(SecretStr(""), description="For reports: ClickHouse, or `embedded`.")
    otel_exporter_otlp_endpoint: str = Field(
        "", description="Who takes traces: an OTLP collector, as `http://collector:4318`; empty: nobody."
    )
    ragsite_trace_ratio: float = Field(1.0, ge=0, le=1, description="The share of traces begun here that are kept.")
    ragsite_trace_text: bool = Field(False, description="Whether traces have what language models read and write.")
    ragsite_trace_url: str = Field("", description="Where a trace is opened; `{trace_id}` stands for its id.")
    ragsite_log_format: Literal["text", "json"] = Field("text", description="How lines of logs are written.")
    ragsite_log_text: bool = Field(False, description="Whether logs have the words of errors that are not ours.")
    ragsite_analytics_days: int = Field(400, ge=1, le=36_500, description="So long ClickHouse keeps its rows.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Files that are named for settings go before the environment, which may not say the same a second time."""
        return init_settings, FilesSource(settings_cls), env_settings

    @field_validator("ragsite_second_blob_store")
    @classmethod
    def _is_second_place(cls, value: str) -> str:
        second_place(value)
        return value

    @field_validator("ragsite_webhook_hosts")
    @classmethod
    def _is_hosts_of_webhooks(cls, value: str) -> str:
        for host in listed(value):
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is neither host nor host:port, in ASCII")
        return value

    @field_validator("ragsite_alert_webhook_url", "ragsite_public_url", "ragsite_mlflow_url")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        if value and not _URL.fullmatch(value):
            raise ValueError("must be an address such as https://alerts.example.org/ragsite, without a login")
        return value

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _is_collector(cls, value: str) -> str:
        if value and not _URL.fullmatch(value):
            raise ValueError("must be an address such as http://collector.example.org:4318, without a login")
        return value

    @field_validator("ragsite_trace_url")
    @classmethod
    def _has_trace_id(cls, value: str) -> str:
        if value and not (_URL.fullmatch(value) and TRACE_ID in value):
            raise ValueError(f"must be an address such as https://jaeger.example.org/trace/{TRACE_ID}")
        return value

    @field_validator("ragsite_alert_webhook_secret")
    @classmethod
    def _is_long_secret(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"has fewer than {SHORTEST_SECRET} characters; make one of random letters")
        return value

    @field_validator("ragsite_alert_emails", "ragsite_alert_sender")
    @classmethod
    def _is_mail_addresses(cls, value: str, told: ValidationInfo) -> str:
        addresses = listed(value)
        if told.field_name == "ragsite_alert_sender" and len(addresses) > 1:
            raise ValueError("must be one address")
        for address in addresses:
            if not _ADDRESS.fullmatch(address):
                raise ValueError(f"{address[:80]!r} is no e-mail address")
        return value

    @field_validator("ragsite_mail_server")
    @classmethod
    def _is_mail_server(cls, value: SecretStr) -> SecretStr:
        mail_server_read(value.get_secret_value())
        return value

    @field_validator("ragsite_milvus_url")
    @classmethod
    def _is_milvus(cls, value: str) -> str:
        if value and not _SERVER.fullmatch(value):
            raise ValueError("must be an address such as https://milvus.example.org:19530, without a login")
        return value

    @model_validator(mode="after")
    def _has_vector_store(self) -> Self:
        if self.ragsite_vector_store == "milvus" and not self.ragsite_milvus_url:
            raise ValueError("RAGSITE_MILVUS_URL must be given with RAGSITE_VECTOR_STORE=milvus")
        return self

    @model_validator(mode="after")
    def _can_alert(self) -> Self:
        if self.ragsite_alert_webhook_url and not self.ragsite_alert_webhook_secret.get_secret_value():
            raise ValueError("RAGSITE_ALERT_WEBHOOK_SECRET must be given with RAGSITE_ALERT_WEBHOOK_URL")
        if self.ragsite_alert_emails and not (
            self.ragsite_alert_sender and self.ragsite_mail_server.get_secret_value()
        ):
            raise ValueError("RAGSITE_ALERT_SENDER and RAGSITE_MAIL_SERVER must be given with RAGSITE_ALERT_EMAILS")
        return self

    @property
    def second_blob_place(self) -> S3Place | FolderPlace | None:
        """None where there is no second store."""
        return second_place(self.ragsite_second_blob_store)

    @property
    def second_blob_endpoint(self) -> str:
        """The server of a second bucket that is not Amazon's own; empty for any other."""
        place = self.second_blob_place
        return (place.endpoint_url or "") if isinstance(place, S3Place) else ""

    @property
    def webhook_hosts(self) -> frozenset[str]:
        return frozenset(host.lower() for host in listed(self.ragsite_webhook_hosts))

    @property
    def alert_emails(self) -> tuple[str, ...]:
        return tuple(listed(self.ragsite_alert_emails))

    @property
    def mail_server(self) -> MailServer:
        return mail_server_read(self.ragsite_mail_server.get_secret_value())
