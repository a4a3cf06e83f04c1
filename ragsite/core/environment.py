"""The one module that reads the environment.

A required value has no default. Everything that is wrong is listed at once, a line each, by the name of the variable.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Literal, NoReturn, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from ragsite.core.errors import ConfigurationError
from ragsite.core.limits import limits_read
from ragsite.core.monitoring_environment import MonitoringEnvironment
from ragsite.core.server_urls import PREFIX, ModelAddress
from ragsite.core.setting_files import complaints_of, in_file
from ragsite.core.setting_texts import (
    listed,
    memberships_read,
    origins_read,
    secret_in,
    token_keys_read,
    with_scheme,
)
from ragsite.core.storage.places import S3Place, blob_place, places_check
from ragsite.core.transport import MECHANISM, NO_KAFKA, Transport, kafka_login, without_tls

PROJECT_DIR = Path(__file__).resolve().parents[2]
KEY_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,80}_API_KEY")
GENERATOR_KEY = "RAGSITE_GENERATOR_API_KEY"
SHORTEST_KEY = 32
"""Characters of a key that codes are made with."""


class Environment(MonitoringEnvironment):
    """Every setting a deployment may give, with its type. Field names are the variables' names in lower case."""

    model_config = SettingsConfigDict(case_sensitive=False, extra="ignore", frozen=True)

    database_url: str = Field(description="PostgreSQL 17+ with pgvector, as the application's role.")
    redis_url: str = Field(description="Redis for Celery's queues.")
    kafka_bootstrap_servers: str = Field(description="host:port of the Kafka broker, or `none`.")
    ragsite_secret_key: str = Field(min_length=32, description="Signs sessions; at least 32 random characters.")
    ragsite_earlier_secret_keys: SecretStr = Field(SecretStr(""), description="Keys before it, with commas.")

    ragsite_debug: bool = False
    ragsite_allowed_hosts: str = Field("localhost,127.0.0.1,[::1]", description="Comma-separated host names served.")
    ragsite_https: bool = Field(False, description="True behind TLS: secure cookies, HSTS.")
    ragsite_hsts: Literal["host", "domain"] = Field("host", description="Whether HSTS binds names below the host too.")
    ragsite_require_tls: bool = Field(
        False, description="Whether to start only where every server beside this machine is reached by TLS."
    )
    ragsite_ca_file: str = Field("", description="Who certifies those servers, a file; empty: the system's.")
    ragsite_kafka_tls: bool = Field(False, description="Whether the Kafka broker is reached by TLS.")
    ragsite_kafka_user: str = Field("", description="Who logs in to the Kafka broker by SASL; empty: nobody does.")
    ragsite_kafka_password: SecretStr = Field(SecretStr(""), description="The password of that login.")
    ragsite_kafka_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = MECHANISM
    ragsite_cors_origins: str = Field(
        "", description="Comma-separated origins whose pages may call the API with a key; empty for none."
    )
    ragsite_require_if_match: bool = Field(
        False, description="Whether a PUT, PATCH or DELETE without `If-Match` is refused."
    )
    ragsite_data_dir: Path = Field(PROJECT_DIR / "var", description="Uploaded files and, embedded, the servers' data.")
    ragsite_blob_store: str = Field("", description="Where blobs lie: `files`, or `s3://bucket/prefix?endpoint_url=…`.")
    ragsite_process: Literal["web", "worker", "command"] = Field(
        "command", description="The web process pools connections."
    )
    ragsite_max_upload_mb: int = Field(25, ge=1, le=4096)
    ragsite_max_metadata_kb: int = Field(64, ge=1, le=2048, description="Most of a document's metadata, as JSON.")
    ragsite_max_page_mb: int = Field(4, ge=1, le=64, description="Most that one page of a list brings, as JSON.")
    ragsite_parser_memory_mb: int = Field(6144, ge=512, description="Address space one parsing process may take.")
    ragsite_parser_seconds: int = Field(60, ge=5, description="Time one file may take to parse.")
    ragsite_ocr: bool = Field(False, description="Read scanned PDFs with Tesseract; give RAGSITE_PARSER_SECONDS more.")
    ragsite_lease_seconds: int = Field(12, ge=3, description="How long a silent worker keeps its work.")
    ragsite_max_attempts: int = Field(3, ge=1, description="Starts of one stage before the work is given up.")
    ragsite_model_transport: Literal["queue", "local", "fake"] = "queue"
    ragsite_model_memory_mb: int = Field(4096, ge=256, description="Budget for the models one process holds.")
    ragsite_model_threads: int = Field(2, ge=1, description="CPU threads of a model worker.")
    ragsite_models_dir: str = Field("", description="Where downloaded models lie; empty: `models` in the data folder.")
    ragsite_models_quota_gb: float = Field(200, gt=0, description="What downloaded models may take on disk together.")
    ragsite_generator: str = Field(
        "", description="`extractive`, `local`, `openai:URL#MODEL`; empty: the default language model, if there is one."
    )
    ragsite_generator_api_key: SecretStr = Field(SecretStr(""), description="The key for the server at that URL.")
    ragsite_generation_slots: int = Field(8, ge=1, le=512, description="Texts that a language model writes at once.")
    ragsite_generation_tokens: int = Field(
        4096, ge=64, description="Tokens of a prompt and its text together, at most."
    )
    ragsite_search_seconds: float = Field(10.0, gt=0, description="Deadline of a search, and of an answer's parts.")
    ragsite_answer_cache_seconds: int = Field(3600, ge=0, le=604_800, description="Answers are kept so long; 0: none.")
    ragsite_answer_cache_mb: int = Field(32, ge=0, le=4096, description="What one web process keeps of them in memory.")
    ragsite_answer_stand_in_seconds: int = Field(
        86_400, ge=0, le=2_592_000, description="Age up to which one stands in for a language model that is down."
    )
    ragsite_uploads_at_once: int = Field(12, ge=1, le=64, description="Uploads that one web process works on at once.")
    ragsite_searches_at_once: int = Field(10, ge=1, le=64, description="Searches, likewise.")
    ragsite_answers_at_once: int = Field(5, ge=1, le=64, description="Questions that are answered, likewise.")
    ragsite_fetches_at_once: int = Field(3, ge=1, le=64, description="Documents that are fetched, likewise.")
    ragsite_others_at_once: int = Field(10, ge=1, le=64, description="All other requests, likewise.")
    ragsite_streams_at_once: int = Field(8, ge=1, le=64, description="Streamed answers that are made, likewise.")
    ragsite_stream_heartbeat_seconds: float = Field(
        15.0, gt=0, le=600, description="After so long without an event a stream says that it is still there."
    )
    ragsite_queue_length: int = Field(250, ge=1, le=1000, description="Requests of each kind that may wait.")
    ragsite_queue_seconds: float = Field(10.0, gt=0, le=60, description="How long a request may wait for its turn.")
    ragsite_mlflow_tracking_uri: str = Field("", description="Where evaluation runs are logged; empty: nowhere.")
    ragsite_mask_names: str = Field(
        "", pattern="^([a-z]{2})?$", description="Language whose names presidio-analyzer masks; empty: none."
    )
    ragsite_url_ingestion: bool = Field(False, description="Whether documents are fetched from addresses callers give.")
    ragsite_url_allowed_hosts: str = Field("", description="Comma-separated hosts to fetch from; empty for any public.")
    ragsite_url_seconds: int = Field(20, ge=1, le=300, description="Time one fetch may take, redirects included.")
    ragsite_sign_in_tries: int = Field(5, ge=1, description="Sign-ins of one account that may fail without a wait.")
    ragsite_sign_in_address_tries: int = Field(20, ge=1, description="The same, from one address to any account.")
    ragsite_sign_in_wait_seconds: int = Field(900, ge=30, description="The longest wait before the next try.")
    ragsite_audit_key: SecretStr = Field(
        SecretStr(""), description="Makes the codes of the audit log; empty: made of RAGSITE_SECRET_KEY."
    )
    ragsite_audit_earlier_keys: SecretStr = Field(
        SecretStr(""), description="Comma-separated keys before it, which still verify what they made."
    )
    ragsite_audit_days: int = Field(
        365, ge=0, le=36_500, description="The audit log is kept so long, unless a tenant says otherwise; 0: for ever."
    )
    ragsite_limits_of_key: str = Field(
        "", description="What an API key may ask for that has no limits of its own, as `answers=10/minute streams=4`."
    )
    ragsite_limits_of_user: str = Field("", description="What a person who signed in may ask for, likewise.")
    ragsite_limits_of_tenant: str = Field(
        "", description="What a tenant may ask for, with all its keys and people, that has no limits of its own."
    )
    ragsite_limits_of_address: str = Field(
        "", description="What an address may ask for without a valid key or session, as `requests=60/minute`."
    )
    ragsite_limits_without_redis: Literal["local", "open", "closed"] = Field(
        "local", description="While Redis is away: limits a process, none, or no requests of who has limits."
    )
    ragsite_second_factor: Literal["off", "offered", "required"] = Field(
        "offered", description="Whether who signs in with a password may, or must, show a code of an app besides."
    )
    ragsite_password_sign_in: bool = Field(True, description="False: nobody signs in with a password but the next.")
    ragsite_emergency_account: str = Field("", description="The account that may, whatever the setting above says.")
    ragsite_oidc_issuer: str = Field("", description="The OpenID Connect provider that people sign in by; empty: none.")
    ragsite_oidc_client_id: str = Field("", description="As what the provider knows this installation.")
    ragsite_oidc_client_secret_file: str = Field("", description="The file with the secret for it; empty: PKCE alone.")
    ragsite_oidc_scopes: str = Field("openid profile email", description="What the provider is asked to say.")
    ragsite_oidc_algorithm: Literal["RS256", "PS256", "ES256", "EdDSA"] = Field(
        "RS256", description="What its identity tokens are signed by."
    )
    ragsite_oidc_name: str = Field("single sign-on", description="What the button says that people sign in with.")
    ragsite_oidc_claim: str = Field("groups", description="The claim that says what somebody is, such as groups.")
    ragsite_oidc_memberships: str = Field(
        "", description="Comma-separated value=tenant:role, which the values of that claim give."
    )
    ragsite_key_days: int = Field(0, ge=0, le=3650, description="Days a new API key is valid by itself; 0: no end.")
    ragsite_key_longest_days: int = Field(0, ge=0, le=3650, description="Most days that may be asked for; 0: no limit.")
    ragsite_key_grace_hours: int = Field(
        24, ge=0, le=720, description="How long the earlier secret of a key works after a rotation."
    )
    ragsite_token_algorithm: Literal["HS256", "EdDSA"] = Field("HS256", description="What signs tokens of services.")
    ragsite_token_keys: SecretStr = Field(
        SecretStr(""), description="Comma-separated name:secret, the first of which signs; empty: RAGSITE_SECRET_KEY."
    )
    ragsite_token_issuer: str = Field(
        "ragsite", min_length=1, max_length=200, description="Who tokens say that they are from."
    )
    ragsite_token_audience: str = Field(
        "ragsite", min_length=1, max_length=200, description="Whom tokens say that they are for."
    )
    ragsite_token_seconds: int = Field(600, ge=60, le=3600, description="How long an access token is valid.")
    ragsite_token_refresh_hours: int = Field(24, ge=1, le=720, description="How long a refresh token is valid.")
    ragsite_hnsw_min_rows: int = Field(20_000, ge=0, description="Rows from which a generation gets an HNSW index.")

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: str) -> str:
        return with_scheme(value, ("postgresql://", "postgres://"))

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: str) -> str:
        return with_scheme(value, ("redis://", "rediss://"))

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _is_host_and_port(cls, value: str) -> str:
        for server in () if value == NO_KAFKA else value.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"{server!r} is not host:port; {NO_KAFKA!r} is no Kafka")
        return value

    @field_validator("ragsite_url_allowed_hosts")
    @classmethod
    def _is_hosts(cls, value: str) -> str:
        for host in listed(value):
            if not re.fullmatch(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?", host):
                raise ValueError(f"{host!r} is neither host nor host:port, in ASCII")
        return value

    @field_validator("ragsite_generator")
    @classmethod
    def _is_generator(cls, value: str) -> str:
        if value not in ("", "extractive", "local"):
            ModelAddress.parse(value)
        return value

    @field_validator("ragsite_earlier_secret_keys", "ragsite_audit_key", "ragsite_audit_earlier_keys")
    @classmethod
    def _is_long(cls, value: SecretStr) -> SecretStr:
        if any(len(key) < SHORTEST_KEY for key in listed(value.get_secret_value())):
            raise ValueError(
                f"a key has fewer than {SHORTEST_KEY} characters, or has a comma; make one of random letters"
            )
        return value

    @field_validator(
        "ragsite_limits_of_key", "ragsite_limits_of_user", "ragsite_limits_of_tenant", "ragsite_limits_of_address"
    )
    @classmethod
    def _is_limits(cls, value: str) -> str:
        limits_read(value)
        return value

    @field_validator("ragsite_oidc_issuer")
    @classmethod
    def _is_issuer(cls, value: str) -> str:
        if value and not re.match(r"https://\S+$|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(/\S*)?$", value):
            raise ValueError("must begin with https://, or be on this machine")
        return value

    @field_validator("ragsite_oidc_scopes")
    @classmethod
    def _has_openid(cls, value: str) -> str:
        if "openid" not in value.split():
            raise ValueError("must have openid among its words")
        return value

    @field_validator("ragsite_oidc_client_secret_file")
    @classmethod
    def _is_readable(cls, value: str, told: ValidationInfo) -> str:
        """Where people sign in: other processes need not have the file."""
        if value and told.data.get("ragsite_process") == "web" and not secret_in(value):
            raise ValueError("there is no secret in this file")
        return value

    @field_validator("ragsite_oidc_memberships")
    @classmethod
    def _is_memberships(cls, value: str) -> str:
        memberships_read(value)
        return value

    @field_validator("ragsite_token_keys")
    @classmethod
    def _is_token_keys(cls, value: SecretStr) -> SecretStr:
        token_keys_read(value)
        return value

    @field_validator("ragsite_blob_store")
    @classmethod
    def _is_blob_place(cls, value: str, told: ValidationInfo) -> str:
        places_check(value, told.data.get("ragsite_second_blob_store", ""))
        return value

    @model_validator(mode="after")
    def _is_known_to_the_provider(self) -> Self:
        if self.ragsite_oidc_issuer and not self.ragsite_oidc_client_id:
            raise ValueError("RAGSITE_OIDC_CLIENT_ID must be given with RAGSITE_OIDC_ISSUER")
        return self

    @field_validator("ragsite_ca_file")
    @classmethod
    def _is_file(cls, value: str) -> str:
        if value and not Path(value).is_file():
            raise ValueError(f"there is no file {value!r}")
        return value

    @field_validator("ragsite_cors_origins")
    @classmethod
    def _is_origins(cls, value: str) -> str:
        origins_read(value)
        return value

    @model_validator(mode="after")
    def _is_by_tls(self) -> Self:
        transport = self.transport  # which refuses half a login
        if not self.ragsite_require_tls:
            return self
        address = self.ragsite_generator.startswith(PREFIX) and ModelAddress.parse(self.ragsite_generator)
        told = without_tls(
            transport, database=self.database_url, redis=self.redis_url, kafka=self.kafka_bootstrap_servers,
            storage=self.blob_place.endpoint_url if self.blob_place else None, models=address.urls if address else (),
            webhook=self.ragsite_alert_webhook_url, mail=self.mail_server, clickhouse=self.clickhouse_url.get_secret_value(),
            second_storage=self.second_blob_endpoint, milvus=self.ragsite_milvus_url,
        )  # fmt: skip
        if complaints := [f"RAGSITE_REQUIRE_TLS: {one}" for one in told]:
            raise ValueError("\n".join(complaints))
        return self

    @property
    def audit_earlier_keys(self) -> tuple[str, ...]:
        return tuple(listed(self.ragsite_audit_earlier_keys.get_secret_value()))

    @property
    def transport(self) -> Transport:
        """How servers are reached."""
        password = self.ragsite_kafka_password.get_secret_value()
        login = kafka_login(self.ragsite_kafka_user, password, self.ragsite_kafka_mechanism)
        return Transport(self.ragsite_ca_file, self.ragsite_kafka_tls, login)

    @property
    def cors_origins(self) -> frozenset[str]:
        return origins_read(self.ragsite_cors_origins)

    @property
    def models_dir(self) -> Path:
        """The folder of downloaded models, as an absolute path: rows of the database name files in it."""
        named = self.ragsite_models_dir
        return Path(named).expanduser().resolve() if named else (self.ragsite_data_dir / "models").resolve()

    @property
    def blob_place(self) -> S3Place | None:
        """None for files."""
        return blob_place(self.ragsite_blob_store, certificates=self.ragsite_ca_file)

    @property
    def oidc_client_secret(self) -> str:
        """Empty where there is none, and where nobody signs in."""
        file = self.ragsite_oidc_client_secret_file if self.ragsite_process == "web" else ""
        return secret_in(file) if file else ""

    @property
    def oidc_memberships(self) -> tuple[tuple[str, str, str], ...]:
        """The value of the claim, the short name of the tenant, and the role there."""
        return memberships_read(self.ragsite_oidc_memberships)

    @property
    def token_keys(self) -> tuple[tuple[str, bytes], ...]:
        """Secrets that sign tokens, by their names; empty for Django's secret key."""
        return token_keys_read(self.ragsite_token_keys)

    @property
    def allowed_hosts(self) -> list[str]:
        return listed(self.ragsite_allowed_hosts)

    @property
    def url_allowed_hosts(self) -> frozenset[str]:
        return frozenset(host.lower() for host in listed(self.ragsite_url_allowed_hosts))


VARIABLES = (*(name.upper() for name in Environment.model_fields), "DATABASE_OWNER_URL", "FLOWER_BASIC_AUTH")


def environment_read() -> Environment:
    """Read and check the environment.

    Raises:
        ConfigurationError: one line for each variable that is missing or wrong.
    """
    try:
        return Environment()
    except ValidationError as error:
        raise ConfigurationError("\n".join(complaints_of(error))) from None


def environment_or_exit() -> Environment:
    """As environment_read, but a wrong environment ends the process with its list and without a traceback."""
    try:
        return environment_read()
    except ConfigurationError as error:
        exit_with(error)


def exit_with(error: ConfigurationError) -> NoReturn:
    print(error.message, file=sys.stderr)  # noqa: T201 - there is no logging before the settings are read
    sys.exit(2)


def key_named(variable: str) -> str:
    """The key of another service that the variable of that name, or its file, holds; empty where there is none.

    Raises:
        ValueError: the file can't be read; or the variable is not called as keys of services are. Others hold secrets of
            ragsite's own, such as passwords of its servers, which nobody shall send elsewhere by naming them.
    """
    if not KEY_VARIABLE.fullmatch(variable):
        raise ValueError(f"{variable!r} is no variable for a key: its name must end in _API_KEY")
    return in_file(variable, os.environ) or os.environ.get(variable, "")


def process_is(kind: str) -> bool:
    """Whether this process was started as `kind`; also true before the settings are read."""
    return os.environ.get("RAGSITE_PROCESS", "command") == kind
