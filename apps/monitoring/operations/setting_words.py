"""What each setting is called and means for people, beside its technical name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise

SERVERS = _("Servers and addresses")
WEB = _("The web process")
FILES = _("Uploads and files")
WORK = _("Background work")
MODELS = _("Models")
ANSWERS = _("Searches and answers")
SIGN_IN = _("Signing in")
AUDIT = _("The audit log")
LIMITS = _("Limits")
KEYS = _("API keys and tokens")
WATCHING = _("Metrics, alerts, traces and logs")

EVERYTHING, WEB_ONLY = _("everything"), _("the web process")
WORKERS, MODEL_WORKERS = _("workers"), _("model workers")
BACKGROUND = _("workers, beat and relay")


@dataclass(frozen=True, slots=True)
class SettingWords:
    """Under which heading it stands, what it is called, and what must be started anew when it changes."""

    heading: Words
    title: Words
    affects: Words


def _of(heading: Words, affects: Words, titles: Mapping[str, Words]) -> dict[str, SettingWords]:
    return {f"RAGSITE_{name}": SettingWords(heading, title, affects) for name, title in titles.items()}


SETTING_WORDS: Mapping[str, SettingWords] = {
    "DATABASE_URL": SettingWords(SERVERS, _("Database"), EVERYTHING),
    "REDIS_URL": SettingWords(SERVERS, _("Redis"), EVERYTHING),
    "KAFKA_BOOTSTRAP_SERVERS": SettingWords(SERVERS, _("Kafka broker"), EVERYTHING),
    "CLICKHOUSE_URL": SettingWords(SERVERS, _("ClickHouse for reports"), EVERYTHING),
    **_of(SERVERS, EVERYTHING, {
        "REQUIRE_TLS": _("Reach other servers by TLS alone"),
        "CA_FILE": _("Certificates that servers are checked against"),
        "KAFKA_TLS": _("Reach the Kafka broker by TLS"),
        "KAFKA_USER": _("Login at the Kafka broker"),
        "KAFKA_PASSWORD": _("Password of that login"),
        "KAFKA_MECHANISM": _("How that login is checked"),
        "BLOB_STORE": _("Where uploaded files are kept"),
        "SECOND_BLOB_STORE": _("Where uploaded files are copied to"),
        "DATA_DIR": _("Folder for files of its own"),
        "MLFLOW_TRACKING_URI": _("Where evaluation runs are logged, too"),
        "MLFLOW_URL": _("Where MLflow is opened"),
        "PUBLIC_URL": _("Where ragsite is opened"),
        "FLOWER_URL": _("Where Flower is opened"),
        "ANALYTICS_DAYS": _("Days that reports go back at most"),
    }),
    "OTEL_EXPORTER_OTLP_ENDPOINT": SettingWords(WATCHING, _("Collector that takes traces"), EVERYTHING),
    **_of(WATCHING, EVERYTHING, {
        "TRACE_RATIO": _("Share of traces that is kept"),
        "TRACE_TEXT": _("Traces say what language models read"),
        "TRACE_URL": _("Where traces are opened"),
        "LOG_FORMAT": _("How lines of logs are written"),
        "LOG_TEXT": _("Logs say the words of unforeseen errors"),
    }),
    **_of(WATCHING, WORKERS, {
        "WEBHOOK_HOSTS": _("Own hosts that webhooks may be at"),
        "ALERT_WEBHOOK_URL": _("Webhook that is told of alerts"),
        "ALERT_WEBHOOK_SECRET": _("Secret that signs what it is told"),
        "ALERT_EMAILS": _("People who are mailed about alerts"),
        "ALERT_SENDER": _("Address that mails come from"),
        "ALERT_QUEUE_SECONDS": _("Seconds of waiting in a queue that are an alert"),
        "MAIL_SERVER": _("Server that takes mail"),
    }),
    **_of(WATCHING, BACKGROUND, {
        "METRICS_PORT": _("Port at which metrics are told"),
        "METRICS_ADDRESS": _("Address at which metrics are told"),
    }),
    **_of(WEB, WEB_ONLY, {
        "SECRET_KEY": _("Key that signs sessions and seals other keys"),
        "EARLIER_SECRET_KEYS": _("Earlier keys that signed and sealed"),
        "ALLOWED_HOSTS": _("Host names that are served"),
        "HTTPS": _("Served over HTTPS"),
        "CORS_ORIGINS": _("Pages of other hosts that may call the API"),
        "REQUIRE_IF_MATCH": _("Refuse changes that do not say what they change"),
        "HSTS": _("Which names browsers keep to HTTPS"),
        "DEBUG": _("Show errors with their code"),
        "PROCESS": _("What this process is"),
        "UPLOADS_AT_ONCE": _("Uploads at once"),
        "SEARCHES_AT_ONCE": _("Searches at once"),
        "ANSWERS_AT_ONCE": _("Answers at once"),
        "FETCHES_AT_ONCE": _("Documents fetched at once"),
        "OTHERS_AT_ONCE": _("Other requests at once"),
        "STREAMS_AT_ONCE": _("Streamed answers at once"),
        "STREAM_HEARTBEAT_SECONDS": _("Seconds between signs of life in a stream"),
        "QUEUE_LENGTH": _("Requests that may wait"),
        "QUEUE_SECONDS": _("Seconds a request may wait"),
        "MAX_PAGE_MB": _("Largest page of a list, in MB"),
    }),
    **_of(FILES, WEB_ONLY, {
        "MAX_UPLOAD_MB": _("Largest upload, in MB"),
        "MAX_METADATA_KB": _("Largest metadata of a document, in KB"),
        "URL_INGESTION": _("Fetch documents from addresses"),
        "URL_ALLOWED_HOSTS": _("Hosts that documents are fetched from"),
        "URL_SECONDS": _("Seconds one fetch may take"),
    }),
    **_of(WORK, WORKERS, {
        "PARSER_SECONDS": _("Seconds one file may take to be read"),
        "PARSER_MEMORY_MB": _("Memory that reading files may take, in MB"),
        "OCR": _("Read the text on scanned pages"),
        "MASK_NAMES": _("Language in which names of persons are masked"),
        "LEASE_SECONDS": _("Seconds until the work of a silent worker is taken over"),
        "MAX_ATTEMPTS": _("Attempts before work is given up"),
    }),
    **_of(MODELS, MODEL_WORKERS, {
        "MODEL_TRANSPORT": _("How models are reached"),
        "MODEL_MEMORY_MB": _("Memory for models, in MB"),
        "MODEL_THREADS": _("Processor threads of a model worker"),
        "MODELS_DIR": _("Folder of downloaded models"),
        "MODELS_QUOTA_GB": _("Disk space for downloaded models, in GB"),
        "GENERATION_SLOTS": _("Texts written at once"),
        "GENERATION_TOKENS": _("Tokens of a prompt and its text"),
    }),
    **_of(ANSWERS, WEB_ONLY, {
        "GENERATOR": _("What writes answers"),
        "GENERATOR_API_KEY": _("Key for what writes answers"),
        "SEARCH_SECONDS": _("Seconds a search may take"),
        "RERANKED_PASSAGES": _("Passages that a reranker reads"),
        "SEARCH_CANDIDATES": _("Candidates that an index gives a search"),
        "ANSWER_CACHE_SECONDS": _("Seconds an answer is kept to be given again"),
        "ANSWER_CACHE_MB": _("Memory for kept answers, in MB"),
        "ANSWER_STAND_IN_SECONDS": _("Age up to which a kept answer stands in"),
    }),
    **_of(ANSWERS, EVERYTHING, {
        "HNSW_MIN_ROWS": _("Vectors from which an index is built"),
        "VECTOR_STORE": _("Where vectors of new indexes are searched"),
        "MILVUS_URL": _("Address of Milvus"),
        "MILVUS_TOKEN": _("Login of Milvus"),
        "QUANTISED_MIN_ROWS": _("Vectors from which an index is of single bits"),
        "INDEX_MEMORY_MB": _("Memory for building an index, in MB"),
    }),
    **_of(LIMITS, WEB_ONLY, {
        "LIMITS_OF_KEY": _("What an API key may ask for"),
        "LIMITS_OF_USER": _("What a person may ask for"),
        "LIMITS_OF_TENANT": _("What a tenant may ask for"),
        "LIMITS_OF_ADDRESS": _("What an address may ask for without a key"),
        "LIMITS_WITHOUT_REDIS": _("What holds while Redis is away"),
    }),
    **_of(SIGN_IN, WEB_ONLY, {
        "SIGN_IN_TRIES": _("Failed tries of one account without a wait"),
        "SIGN_IN_ADDRESS_TRIES": _("Failed tries from one address without a wait"),
        "SIGN_IN_WAIT_SECONDS": _("The longest wait, in seconds"),
        "SECOND_FACTOR": _("Second factor"),
        "PASSWORD_SIGN_IN": _("Sign in with a password"),
        "EMERGENCY_ACCOUNT": _("Account that may always use its password"),
        "OIDC_ISSUER": _("Provider that people sign in by"),
        "OIDC_CLIENT_ID": _("As what the provider knows this installation"),
        "OIDC_CLIENT_SECRET_FILE": _("File with the secret for the provider"),
        "OIDC_SCOPES": _("What the provider is asked to say"),
        "OIDC_ALGORITHM": _("What the provider signs by"),
        "OIDC_NAME": _("What the provider is called"),
        "OIDC_CLAIM": _("Claim that says what somebody is"),
        "OIDC_MEMBERSHIPS": _("Which values of the claim give which role"),
    }),
    **_of(KEYS, WEB_ONLY, {
        "KEY_DAYS": _("Days a new key is valid"),
        "KEY_LONGEST_DAYS": _("Most days a key may be valid"),
        "KEY_GRACE_HOURS": _("Hours an earlier secret works after a rotation"),
        "TOKEN_ALGORITHM": _("What signs tokens"),
        "TOKEN_KEYS": _("Secrets that sign tokens"),
        "TOKEN_ISSUER": _("Who tokens are from"),
        "TOKEN_AUDIENCE": _("Whom tokens are for"),
        "TOKEN_SECONDS": _("Seconds an access token is valid"),
        "TOKEN_REFRESH_HOURS": _("Hours a refresh token is valid"),
    }),
    **_of(AUDIT, EVERYTHING, {
        "AUDIT_KEY": _("Key of the audit log"),
        "AUDIT_EARLIER_KEYS": _("Earlier keys of the audit log"),
        "AUDIT_DAYS": _("Days for which the audit log is kept"),
    }),
}  # fmt: skip
"""By the name of the variable."""
