"""What the running system is set to: one typed object for each concern, and the only readers of our own settings.

Ask for an object where it is needed and keep nothing of it: some of what it says changes while a process runs. Names and limits
of the variables behind it are those of `ragsite.core.environment`; `ragsite.core.dynamic` has what can be changed, and where.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

from django.conf import settings

from ragsite.core import server_urls
from ragsite.core.dynamic.held import values_changed
from ragsite.core.dynamic.places import INSTALLATION, Place
from ragsite.core.transport import NO_KAFKA, Transport, kafka_login

MEGABYTE = 1024 * 1024
EMBEDDED = "embedded"
"""In the place of a server's address: the one of this machine, within a process."""


def setting(name: str, *, secret: bool = False) -> Any:
    """A field that has the value of Django's setting of that name; a secret one is not shown with the object."""
    return field(metadata={"setting": name}, repr=not secret)


class Settings:
    """Settings of one concern."""

    __slots__ = ()

    @classmethod
    def current(cls, at: Place = INSTALLATION) -> Self:
        """As they are now, for the installation, or in a tenant or knowledge base."""
        changed = values_changed(at)
        names = ((one.name, one.metadata["setting"]) for one in fields(cls))  # type: ignore[arg-type]  # all are dataclasses
        return cls(**{name: changed[of] if of in changed else getattr(settings, of) for name, of in names})


@dataclass(frozen=True, slots=True)
class UploadSettings(Settings):
    """What one upload may bring: bytes of a file, files of a request."""

    max_bytes: int = setting("RAGSITE_MAX_UPLOAD_BYTES")
    max_files: int = setting("DATA_UPLOAD_MAX_NUMBER_FILES")

    @property
    def max_megabytes(self) -> int:
        return self.max_bytes // MEGABYTE


@dataclass(frozen=True, slots=True)
class ContentSettings(Settings):
    """What may be said about one document, and what one page of a list brings: bytes of JSON."""

    metadata_bytes: int = setting("RAGSITE_MAX_METADATA_BYTES")
    page_bytes: int = setting("RAGSITE_MAX_PAGE_BYTES")


@dataclass(frozen=True, slots=True)
class AdmissionSettings(Settings):
    """Requests of each kind that one web process works on at once; how many of a kind may wait, and how long."""

    uploads: int = setting("RAGSITE_UPLOADS_AT_ONCE")
    searches: int = setting("RAGSITE_SEARCHES_AT_ONCE")
    answers: int = setting("RAGSITE_ANSWERS_AT_ONCE")
    fetches: int = setting("RAGSITE_FETCHES_AT_ONCE")
    others: int = setting("RAGSITE_OTHERS_AT_ONCE")
    waiting: int = setting("RAGSITE_QUEUE_LENGTH")
    seconds: float = setting("RAGSITE_QUEUE_SECONDS")

    @property
    def at_once(self) -> int:
        """Of all kinds together."""
        return self.uploads + self.searches + self.answers + self.fetches + self.others


@dataclass(frozen=True, slots=True)
class StreamSettings(Settings):
    """Streamed answers that one web process makes at once, how many more may wait, and seconds between heartbeats."""

    at_once: int = setting("RAGSITE_STREAMS_AT_ONCE")
    waiting: int = setting("RAGSITE_QUEUE_LENGTH")
    heartbeat_seconds: float = setting("RAGSITE_STREAM_HEARTBEAT_SECONDS")


@dataclass(frozen=True, slots=True)
class StorageSettings(Settings):
    """Where this machine keeps files: its own notes, and documents' bytes."""

    data_dir: Path = setting("RAGSITE_DATA_DIR")  # noqa: RUF009 - it makes a field
    blob_dir: Path = setting("RAGSITE_BLOB_DIR")  # noqa: RUF009 - it makes a field


@dataclass(frozen=True, slots=True)
class ParsingSettings(Settings):
    """What parsing one file may take, and whether scanned pages are read."""

    seconds: int = setting("RAGSITE_PARSER_SECONDS")
    memory_bytes: int = setting("RAGSITE_PARSER_MEMORY_BYTES")
    ocr: bool = setting("RAGSITE_OCR")


@dataclass(frozen=True, slots=True)
class MaskingLibrarySettings(Settings):
    """The language of which names of persons are masked, if an analyser for them is installed; empty: none are."""

    names_language: str = setting("RAGSITE_MASK_NAMES")


@dataclass(frozen=True, slots=True)
class FetchingSettings(Settings):
    """Whether documents are fetched from addresses that callers give, from which hosts (none: any public one), how long."""

    enabled: bool = setting("RAGSITE_URL_INGESTION")
    allowed_hosts: frozenset[str] = setting("RAGSITE_URL_ALLOWED_HOSTS")
    seconds: int = setting("RAGSITE_URL_SECONDS")


@dataclass(frozen=True, slots=True)
class WorkSettings(Settings):
    """How claimed work is held: seconds of a lease, starts before it is given up, and by dotted path who is rung for it, and what
    gives the table of jobs.
    """

    lease_seconds: int = setting("RAGSITE_LEASE_SECONDS")
    max_attempts: int = setting("RAGSITE_MAX_ATTEMPTS")
    doorbell: str = setting("RAGSITE_DOORBELL")
    board: str = setting("RAGSITE_JOB_BOARD")


@dataclass(frozen=True, slots=True)
class ModelSettings(Settings):
    """How this process reaches models, and what they may take where it holds them."""

    transport: Literal["queue", "local", "fake"] = setting("RAGSITE_MODEL_TRANSPORT")
    memory_bytes: int = setting("RAGSITE_MODEL_MEMORY_BYTES")
    threads: int = setting("RAGSITE_MODEL_THREADS")


@dataclass(frozen=True, slots=True)
class ModelStoreSettings(Settings):
    """Where downloaded models lie, and the bytes that they may take together."""

    folder: Path = setting("RAGSITE_MODELS_DIR")  # noqa: RUF009 - it makes a field
    quota_bytes: int = setting("RAGSITE_MODELS_QUOTA_BYTES")


@dataclass(frozen=True, slots=True)
class GenerationSettings(Settings):
    """What writes answers, and what a language model in a worker has room for: texts at once, and tokens of each with its prompt.

    `generator` is empty for the default language model or, without one, sentences of the documents as they stand; `extractive`
    for these whatever there is; `local` for the default language model and nothing else; or a model's address, with the key
    for the server there.
    """

    generator: str = setting("RAGSITE_GENERATOR")
    api_key: str = setting("RAGSITE_GENERATOR_API_KEY", secret=True)
    slots: int = setting("RAGSITE_GENERATION_SLOTS")
    slot_tokens: int = setting("RAGSITE_GENERATION_TOKENS")

    @property
    def address(self) -> server_urls.ModelAddress | None:
        """Where the model is that writes, if the setting says it itself."""
        named = self.generator.startswith(server_urls.PREFIX)
        return server_urls.ModelAddress.parse(self.generator) if named else None


@dataclass(frozen=True, slots=True)
class SearchSettings(Settings):
    """How long a search may take; passages a reranker reads; candidates that an index gives (0: by its size); rows from which
    a generation has an HNSW index, and from which one of single bits (0: never); and the memory that it is built in."""

    seconds: float = setting("RAGSITE_SEARCH_SECONDS")
    reranked: int = setting("RAGSITE_RERANKED_PASSAGES")
    candidates: int = setting("RAGSITE_SEARCH_CANDIDATES")
    hnsw_min_rows: int = setting("RAGSITE_HNSW_MIN_ROWS")
    quantised_min_rows: int = setting("RAGSITE_QUANTISED_MIN_ROWS")
    index_megabytes: int = setting("RAGSITE_INDEX_MEMORY_MB")


@dataclass(frozen=True, slots=True)
class VectorSettings(Settings):
    """In which store vectors of a new index generation are searched, and where Milvus is (an empty address is none)."""

    store: Literal["postgresql", "milvus"] = setting("RAGSITE_VECTOR_STORE")
    milvus_url: str = setting("RAGSITE_MILVUS_URL")
    milvus_token: str = setting("RAGSITE_MILVUS_TOKEN", secret=True)
    ca_file: str = setting("RAGSITE_CA_FILE")


@dataclass(frozen=True, slots=True)
class AnswerCacheSettings(Settings):
    """How long answers are kept (0: not at all), in how many bytes of this process, and up to which age one stands in for a
    language model that is down.
    """

    seconds: int = setting("RAGSITE_ANSWER_CACHE_SECONDS")
    process_bytes: int = setting("RAGSITE_ANSWER_CACHE_BYTES")
    stand_in_seconds: int = setting("RAGSITE_ANSWER_STAND_IN_SECONDS")


@dataclass(frozen=True, slots=True)
class ServerSettings(Settings):
    """Where the servers beside PostgreSQL are, an empty address is none; and how they and others are reached."""

    redis_url: str = setting("RAGSITE_REDIS_URL")
    kafka_bootstrap_servers: str = setting("RAGSITE_KAFKA_BOOTSTRAP_SERVERS")
    kafka_tls: bool = setting("RAGSITE_KAFKA_TLS")
    kafka_user: str = setting("RAGSITE_KAFKA_USER")
    kafka_password: str = setting("RAGSITE_KAFKA_PASSWORD", secret=True)
    kafka_mechanism: str = setting("RAGSITE_KAFKA_MECHANISM")
    ca_file: str = setting("RAGSITE_CA_FILE")
    requires_tls: bool = setting("RAGSITE_REQUIRE_TLS")
    mlflow_tracking_uri: str = setting("RAGSITE_MLFLOW_TRACKING_URI")
    mlflow_url: str = setting("RAGSITE_MLFLOW_URL")
    flower_url: str = setting("RAGSITE_FLOWER_URL")
    public_url: str = setting("RAGSITE_PUBLIC_URL")

    @property
    def has_kafka(self) -> bool:
        """Whether events go anywhere."""
        return self.kafka_bootstrap_servers != NO_KAFKA

    @property
    def kafka_client(self) -> dict[str, str]:
        """What a client of the broker is given."""
        login = kafka_login(self.kafka_user, self.kafka_password, self.kafka_mechanism)
        return Transport(self.ca_file, self.kafka_tls, login).kafka(self.kafka_bootstrap_servers)


@dataclass(frozen=True, slots=True)
class MetricsSettings(Settings):
    """Where a process that serves no pages tells Prometheus of itself; a port of 0 is none."""

    port: int = setting("RAGSITE_METRICS_PORT")
    address: str = setting("RAGSITE_METRICS_ADDRESS")


@dataclass(frozen=True, slots=True)
class AlertSettings(Settings):
    """Who is told of alerts: a webhook, with the secret that signs what it is sent, and people by mail. Empty: nobody. And after
    how many seconds of waiting a queue is one.
    """

    webhook_url: str = setting("RAGSITE_ALERT_WEBHOOK_URL")
    webhook_secret: str = setting("RAGSITE_ALERT_WEBHOOK_SECRET", secret=True)
    emails: tuple[str, ...] = setting("RAGSITE_ALERT_EMAILS")
    sender: str = setting("RAGSITE_ALERT_SENDER")
    queue_seconds: int = setting("RAGSITE_ALERT_QUEUE_SECONDS")


@dataclass(frozen=True, slots=True)
class TracingSettings(Settings):
    """Who is told of traces (empty: nobody) as which service, the share of them that is kept, whether what language models read
    and write is told, too, and where people open a trace.
    """

    endpoint: str = setting("RAGSITE_TRACE_ENDPOINT")
    service: str = setting("RAGSITE_SERVICE")
    ratio: float = setting("RAGSITE_TRACE_RATIO")
    texts: bool = setting("RAGSITE_TRACE_TEXT")
    url: str = setting("RAGSITE_TRACE_URL")


@dataclass(frozen=True, slots=True)
class WebhookSettings(Settings):
    """Hosts of the operator's own network that tenants' webhooks may be at, each `host` or `host:port`; others must be public."""

    own_hosts: frozenset[str] = setting("RAGSITE_WEBHOOK_HOSTS")


@dataclass(frozen=True, slots=True)
class DoorSettings(Settings):
    """Whether a change must say what it changes, and which pages of other hosts may call the API."""

    requires_if_match: bool = setting("RAGSITE_REQUIRE_IF_MATCH")
    cors_origins: frozenset[str] = setting("RAGSITE_CORS_ORIGINS")


@dataclass(frozen=True, slots=True)
class SignInSettings(Settings):
    """Tries to sign in that may fail, of an account and from an address, before the next must wait; seconds of the longest
    wait; whether cookies are for HTTPS alone; whether a second factor is asked for; whether passwords are taken, and whose are in
    any case.
    """

    tries: int = setting("RAGSITE_SIGN_IN_TRIES")
    address_tries: int = setting("RAGSITE_SIGN_IN_ADDRESS_TRIES")
    wait_seconds: int = setting("RAGSITE_SIGN_IN_WAIT_SECONDS")
    secure_cookie: bool = setting("SESSION_COOKIE_SECURE")
    second_factor: Literal["off", "offered", "required"] = setting("RAGSITE_SECOND_FACTOR")
    passwords: bool = setting("RAGSITE_PASSWORD_SIGN_IN")
    emergency_account: str = setting("RAGSITE_EMERGENCY_ACCOUNT")


@dataclass(frozen=True, slots=True)
class OidcSettings(Settings):
    """The provider that people sign in by (an empty issuer is none), as what it knows us, what it signs by, and which roles in
    which tenants the values of a claim give; whether cookies are for HTTPS alone.
    """

    issuer: str = setting("RAGSITE_OIDC_ISSUER")
    client_id: str = setting("RAGSITE_OIDC_CLIENT_ID")
    client_secret: str = setting("RAGSITE_OIDC_CLIENT_SECRET", secret=True)
    scopes: str = setting("RAGSITE_OIDC_SCOPES")
    algorithm: str = setting("RAGSITE_OIDC_ALGORITHM")
    name: str = setting("RAGSITE_OIDC_NAME")
    claim: str = setting("RAGSITE_OIDC_CLAIM")
    memberships: tuple[tuple[str, str, str], ...] = setting("RAGSITE_OIDC_MEMBERSHIPS")
    secure_cookie: bool = setting("SESSION_COOKIE_SECURE")

    @property
    def tenants(self) -> frozenset[str]:
        """The short names of the tenants that the table decides on."""
        return frozenset(tenant for _, tenant, _ in self.memberships)


@dataclass(frozen=True, slots=True)
class KeySettings(Settings):
    """Of API keys: days that a new one is valid (0: without end), days that it may be at most (0: no limit), and hours that
    the earlier secret works after a rotation.
    """

    days: int = setting("RAGSITE_KEY_DAYS")
    longest_days: int = setting("RAGSITE_KEY_LONGEST_DAYS")
    grace_hours: int = setting("RAGSITE_KEY_GRACE_HOURS")


@dataclass(frozen=True, slots=True)
class TokenSettings(Settings):
    """Of services' tokens: the one algorithm, the secrets by their names (none: Django's secret key), who they are from and for,
    and how long each kind is valid.
    """

    algorithm: Literal["HS256", "EdDSA"] = setting("RAGSITE_TOKEN_ALGORITHM")
    keys: tuple[tuple[str, bytes], ...] = setting("RAGSITE_TOKEN_KEYS", secret=True)
    issuer: str = setting("RAGSITE_TOKEN_ISSUER")
    audience: str = setting("RAGSITE_TOKEN_AUDIENCE")
    access_seconds: int = setting("RAGSITE_TOKEN_SECONDS")
    refresh_hours: int = setting("RAGSITE_TOKEN_REFRESH_HOURS")


@dataclass(frozen=True, slots=True)
class LimitSettings(Settings):
    """What a key, a person, a tenant and an address may ask for where nobody says otherwise, as `ragsite.core.limits` reads it;
    and what holds while Redis, which counts for all processes, is away.
    """

    of_key: str = setting("RAGSITE_LIMITS_OF_KEY")
    of_user: str = setting("RAGSITE_LIMITS_OF_USER")
    of_tenant: str = setting("RAGSITE_LIMITS_OF_TENANT")
    of_address: str = setting("RAGSITE_LIMITS_OF_ADDRESS")
    without_redis: Literal["local", "open", "closed"] = setting("RAGSITE_LIMITS_WITHOUT_REDIS")


@dataclass(frozen=True, slots=True)
class SecretSettings(Settings):
    """Django's secret key, and those before it, which still open what was sealed with them."""

    secret_key: str = setting("SECRET_KEY", secret=True)
    earlier: list[str] = setting("SECRET_KEY_FALLBACKS", secret=True)  # noqa: RUF009 - it makes a field


@dataclass(frozen=True, slots=True)
class AuditSettings(Settings):
    """The key of the audit log (empty: one made of Django's secret key), those before it, and after how many days entries of
    new tenants and of the installation are pruned; None for never.
    """

    key: str = setting("RAGSITE_AUDIT_KEY", secret=True)
    earlier_keys: tuple[str, ...] = setting("RAGSITE_AUDIT_EARLIER_KEYS", secret=True)
    days: int | None = setting("RAGSITE_AUDIT_DAYS")


@dataclass(frozen=True, slots=True)
class AnalyticsSettings(Settings):
    """Where ClickHouse is that reports are made of (`embedded`: in one process of this machine; empty: none), and for how many
    days rows are kept there.
    """

    url: str = setting("RAGSITE_CLICKHOUSE_URL", secret=True)
    days: int = setting("RAGSITE_ANALYTICS_DAYS")
    data_dir: Path = setting("RAGSITE_DATA_DIR")  # noqa: RUF009 - it makes a field
    ca_file: str = setting("RAGSITE_CA_FILE")

    @property
    def is_embedded(self) -> bool:
        return self.url == EMBEDDED

    @property
    def folder(self) -> Path:
        """Of the engine of this machine."""
        return self.data_dir / "analytics"
