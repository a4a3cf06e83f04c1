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

EVERYTHING, WEB_ONLY = _("everything"), _("the web process")
WORKERS, MODEL_WORKERS = _("workers"), _("model workers")


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
    **_of(SERVERS, EVERYTHING, {
        "REQUIRE_TLS": _("Reach other servers by TLS alone"),
        "CA_FILE": _("Certificates that servers are checked against"),
        "KAFKA_TLS": _("Reach the Kafka broker by TLS"),
        "BLOB_STORE": _("Where uploaded files are kept"),
        "DATA_DIR": _("Folder for files of its own"),
        "MLFLOW_TRACKING_URI": _("Where evaluation runs are logged, too"),
        "FLOWER_URL": _("Where Flower is opened"),
    }),
    **_of(WEB, WEB_ONLY, {
        "SECRET_KEY": _("Key that signs sessions and seals other keys"),
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
        "ANSWER_CACHE_SECONDS": _("Seconds an answer is kept to be given again"),
        "ANSWER_CACHE_MB": _("Memory for kept answers, in MB"),
        "ANSWER_STAND_IN_SECONDS": _("Age up to which a kept answer stands in"),
    }),
    **_of(ANSWERS, EVERYTHING, {"HNSW_MIN_ROWS": _("Vectors from which an index is built")}),
    **_of(SIGN_IN, WEB_ONLY, {
        "SIGN_IN_TRIES": _("Failed tries of one account without a wait"),
        "SIGN_IN_ADDRESS_TRIES": _("Failed tries from one address without a wait"),
        "SIGN_IN_WAIT_SECONDS": _("The longest wait, in seconds"),
    }),
}  # fmt: skip
"""By the name of the variable."""
