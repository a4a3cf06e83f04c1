"""Django's settings. They read nothing but the typed environment."""

from __future__ import annotations

from typing import Any

import dj_database_url
from django.templatetags.static import static

from ragsite.core.environment import PROJECT_DIR, environment_or_exit
from ragsite.core.logs.configured import logging_of
from ragsite.core.setting_texts import listed
from ragsite.core.storage.places import storages_at

ENV = environment_or_exit()
IN_WEB = ENV.ragsite_process == "web"

BASE_DIR = PROJECT_DIR
SECRET_KEY = ENV.ragsite_secret_key
SECRET_KEY_FALLBACKS = listed(ENV.ragsite_earlier_secret_keys.get_secret_value())
DEBUG = ENV.ragsite_debug
ALLOWED_HOSTS = ENV.allowed_hosts
ROOT_URLCONF = "ragsite.urls"
ASGI_APPLICATION = "ragsite.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "ragsite" / "locale"]
LANGUAGE_COOKIE_NAME = "ragsite_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
LANGUAGE_COOKIE_PATH = "/admin/"
LANGUAGE_COOKIE_SECURE = ENV.ragsite_https
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["ragsite.core.formats"]
USE_TZ = True
APPEND_SLASH = True

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "ragsite.gateway.admin_config.RagAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_prometheus",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "ninja",
    "ragsite.core",
    "ragsite.gateway",
    "apps.documents",
    "apps.models",
    "apps.retrieval",
    "apps.monitoring",
    "workers",
]

MIDDLEWARE = [
    "ragsite.gateway.request_ids.request_ids_middleware",
    "ragsite.gateway.request_traces.request_traces_middleware",
    "ragsite.gateway.headers.headers_middleware",
    "ragsite.gateway.cors.cors_middleware",
    "ragsite.gateway.openai_errors.openai_errors_middleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "ragsite.gateway.static.static_files_middleware",
    "ragsite.gateway.languages.languages_middleware",
    "ragsite.gateway.problems.problems_middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["django.template.loaders.filesystem.Loader", "ragsite.gateway.theme.ThemeLoader"],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


def _at_once() -> int:
    """Requests and streamed answers that one web process works on at once."""
    return sum(value for name, value in ENV if name.endswith("_at_once"))


def _database() -> dict[str, Any]:
    """The web process pools its connections. Workers must not, Celery closes a pool at every task: each keeps one a
    thread from task to task, and looks before its first use whether it still stands.
    """
    config: dict[str, Any] = dict(
        dj_database_url.parse(
            ENV.transport.database(ENV.database_url), conn_max_age=0 if IN_WEB else 60, conn_health_checks=not IN_WEB
        )
    )
    # A line that is cut without a word is noticed within half a minute, also by who waits for nothing but an answer.
    noticing = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
    config["OPTIONS"] = options = noticing | config.get("OPTIONS", {})
    options["connect_timeout"] = 5
    # Django would forbid it, for poolers that do not know prepared statements.
    options["prepare_threshold"] = 5
    if IN_WEB:
        config["ENGINE"] = "ragsite.core.postgresql"
        # One for each request that is worked on, so that none waits for one; the others are for health, keys and streams. Those
        # that are lost with the server are made again by whoever needs one, and not after longer and longer waits.
        options["pool"] = {"min_size": 2, "max_size": _at_once() + 5, "timeout": 3, "reconnect_timeout": 5}
        options["options"] = "-c statement_timeout=30s -c lock_timeout=5s -c idle_in_transaction_session_timeout=10s"
    return config


DATABASES = {"default": _database()}

AUTHENTICATION_BACKENDS = [
    "ragsite.gateway.backends.PasswordBackend",
    "ragsite.gateway.backends.TwoStepsBackend",
    "ragsite.gateway.backends.ProviderBackend",
    "ragsite.gateway.roles.RoleBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
STATIC_ROOT = ENV.ragsite_data_dir / "static"
SERVESTATIC_USE_FINDERS = True

STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    **storages_at(ENV.blob_place, ENV.second_blob_place),
}

FILE_UPLOAD_HANDLERS = ["apps.documents.upload_limits.LimitedUploadHandler"]
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_NUMBER_FILES = 100

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = ENV.ragsite_https
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if ENV.ragsite_https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = ENV.ragsite_hsts == "domain"
SESSION_COOKIE_AGE = 12 * 60 * 60
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "ragsite.gateway.problems.csrf_failed"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["ragsite.gateway.authentication.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["ragsite.gateway.authentication.HasPermission"],
    "DEFAULT_PARSER_CLASSES": ["ragsite.gateway.parsing.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "ragsite.gateway.pagination.BoundedPagination",
    "DEFAULT_FILTER_BACKENDS": ["ragsite.gateway.strictness.StrictFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "ragsite.gateway.problems.drf_exception_handler",
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "ragsite",
    "DESCRIPTION": "Documents in, answers out, every claim with the span it rests on. Keys are made in the admin.",
    "TAGS": [
        {"name": name} for name in ("knowledge-bases", "documents", "versions", "query", "evaluation", "audit-entries")
    ],
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "UploadedOutcomeEnum": "apps.documents.api.serializers.OUTCOMES",
        "KindEnum": "apps.documents.api.serializers.CHANGE_KINDS",
        "MarkKindEnum": "apps.documents.api.timelines.MARK_KINDS",
        "PartsEnum": "apps.documents.models.PartsBy",
        "StatusEnum": "apps.documents.models.VersionStatus",
        "ModelKindEnum": "apps.models.installed_model.ModelKind",
        "ModelVersionStatusEnum": "apps.models.models.ModelStatus",
        "ModelTaskKindEnum": "apps.models.models.TaskKind",
        "ModelTaskStateEnum": "apps.models.models.TaskState",
        "ModelOrderKindEnum": "apps.models.models.OrderKind",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
}

RAGSITE_REQUIRE_IF_MATCH = ENV.ragsite_require_if_match
RAGSITE_DATA_DIR = ENV.ragsite_data_dir
RAGSITE_BLOB_DIR = ENV.ragsite_data_dir / "blobs"
RAGSITE_MAX_UPLOAD_BYTES = ENV.ragsite_max_upload_mb * 1024 * 1024
RAGSITE_MAX_METADATA_BYTES = ENV.ragsite_max_metadata_kb * 1024
RAGSITE_MAX_PAGE_BYTES = ENV.ragsite_max_page_mb * 1024 * 1024
RAGSITE_PARSER_MEMORY_BYTES = ENV.ragsite_parser_memory_mb * 1024 * 1024
RAGSITE_PARSER_SECONDS = ENV.ragsite_parser_seconds
RAGSITE_URL_INGESTION = ENV.ragsite_url_ingestion
RAGSITE_URL_ALLOWED_HOSTS = ENV.url_allowed_hosts
RAGSITE_URL_SECONDS = ENV.ragsite_url_seconds
RAGSITE_OCR = ENV.ragsite_ocr
RAGSITE_MASK_NAMES = ENV.ragsite_mask_names
RAGSITE_LEASE_SECONDS = ENV.ragsite_lease_seconds
RAGSITE_MAX_ATTEMPTS = ENV.ragsite_max_attempts
RAGSITE_DOORBELL = f"workers.doorbell.{'BackgroundDoorbell' if IN_WEB else 'CeleryDoorbell'}"
RAGSITE_JOB_BOARD = "workers.board.queues_on_board"
RAGSITE_MODEL_TRANSPORT = ENV.ragsite_model_transport
RAGSITE_MODEL_MEMORY_BYTES = ENV.ragsite_model_memory_mb * 1024 * 1024
RAGSITE_MODEL_THREADS = ENV.ragsite_model_threads
RAGSITE_MODELS_DIR = ENV.models_dir
RAGSITE_MODELS_QUOTA_BYTES = int(ENV.ragsite_models_quota_gb * 1024**3)
RAGSITE_GENERATOR = ENV.ragsite_generator
RAGSITE_GENERATOR_API_KEY = ENV.ragsite_generator_api_key.get_secret_value()
RAGSITE_GENERATION_SLOTS = ENV.ragsite_generation_slots
RAGSITE_GENERATION_TOKENS = ENV.ragsite_generation_tokens
RAGSITE_SEARCH_SECONDS = ENV.ragsite_search_seconds
RAGSITE_RERANKED_PASSAGES = ENV.ragsite_reranked_passages
RAGSITE_ANSWER_CACHE_SECONDS = ENV.ragsite_answer_cache_seconds
RAGSITE_ANSWER_CACHE_BYTES = ENV.ragsite_answer_cache_mb * 1024 * 1024
RAGSITE_ANSWER_STAND_IN_SECONDS = ENV.ragsite_answer_stand_in_seconds
RAGSITE_SIGN_IN_TRIES = ENV.ragsite_sign_in_tries
RAGSITE_SIGN_IN_ADDRESS_TRIES = ENV.ragsite_sign_in_address_tries
RAGSITE_SIGN_IN_WAIT_SECONDS = ENV.ragsite_sign_in_wait_seconds
RAGSITE_AUDIT_KEY = ENV.ragsite_audit_key.get_secret_value()
RAGSITE_AUDIT_EARLIER_KEYS = ENV.audit_earlier_keys
RAGSITE_AUDIT_DAYS = ENV.ragsite_audit_days or None
RAGSITE_LIMITS_OF_KEY = ENV.ragsite_limits_of_key
RAGSITE_LIMITS_OF_USER = ENV.ragsite_limits_of_user
RAGSITE_LIMITS_OF_TENANT = ENV.ragsite_limits_of_tenant
RAGSITE_LIMITS_OF_ADDRESS = ENV.ragsite_limits_of_address
RAGSITE_LIMITS_WITHOUT_REDIS = ENV.ragsite_limits_without_redis
RAGSITE_SECOND_FACTOR = ENV.ragsite_second_factor
RAGSITE_PASSWORD_SIGN_IN = ENV.ragsite_password_sign_in
RAGSITE_EMERGENCY_ACCOUNT = ENV.ragsite_emergency_account
RAGSITE_OIDC_ISSUER = ENV.ragsite_oidc_issuer
RAGSITE_OIDC_CLIENT_ID = ENV.ragsite_oidc_client_id
RAGSITE_OIDC_CLIENT_SECRET = ENV.oidc_client_secret
RAGSITE_OIDC_SCOPES = ENV.ragsite_oidc_scopes
RAGSITE_OIDC_ALGORITHM = ENV.ragsite_oidc_algorithm
RAGSITE_OIDC_NAME = ENV.ragsite_oidc_name
RAGSITE_OIDC_CLAIM = ENV.ragsite_oidc_claim
RAGSITE_OIDC_MEMBERSHIPS = ENV.oidc_memberships
RAGSITE_KEY_DAYS = ENV.ragsite_key_days
RAGSITE_KEY_LONGEST_DAYS = ENV.ragsite_key_longest_days
RAGSITE_KEY_GRACE_HOURS = ENV.ragsite_key_grace_hours
RAGSITE_TOKEN_ALGORITHM = ENV.ragsite_token_algorithm
RAGSITE_TOKEN_KEYS = ENV.token_keys
RAGSITE_TOKEN_ISSUER = ENV.ragsite_token_issuer
RAGSITE_TOKEN_AUDIENCE = ENV.ragsite_token_audience
RAGSITE_TOKEN_SECONDS = ENV.ragsite_token_seconds
RAGSITE_TOKEN_REFRESH_HOURS = ENV.ragsite_token_refresh_hours
RAGSITE_HNSW_MIN_ROWS = ENV.ragsite_hnsw_min_rows
RAGSITE_VECTOR_STORE = ENV.ragsite_vector_store
RAGSITE_MILVUS_URL = ENV.ragsite_milvus_url
RAGSITE_MILVUS_TOKEN = ENV.ragsite_milvus_token.get_secret_value()
RAGSITE_QUANTISED_MIN_ROWS = ENV.ragsite_quantised_min_rows
RAGSITE_SEARCH_CANDIDATES = ENV.ragsite_search_candidates
RAGSITE_INDEX_MEMORY_MB = ENV.ragsite_index_memory_mb
RAGSITE_UPLOADS_AT_ONCE = ENV.ragsite_uploads_at_once
RAGSITE_SEARCHES_AT_ONCE = ENV.ragsite_searches_at_once
RAGSITE_ANSWERS_AT_ONCE = ENV.ragsite_answers_at_once
RAGSITE_FETCHES_AT_ONCE = ENV.ragsite_fetches_at_once
RAGSITE_OTHERS_AT_ONCE = ENV.ragsite_others_at_once
RAGSITE_STREAMS_AT_ONCE = ENV.ragsite_streams_at_once
RAGSITE_STREAM_HEARTBEAT_SECONDS = ENV.ragsite_stream_heartbeat_seconds
RAGSITE_QUEUE_LENGTH = ENV.ragsite_queue_length
RAGSITE_QUEUE_SECONDS = ENV.ragsite_queue_seconds
RAGSITE_MLFLOW_TRACKING_URI = ENV.ragsite_mlflow_tracking_uri
RAGSITE_FLOWER_URL = ENV.ragsite_flower_url
RAGSITE_MLFLOW_URL = ENV.ragsite_mlflow_url
RAGSITE_PUBLIC_URL = ENV.ragsite_public_url
RAGSITE_METRICS_PORT = ENV.ragsite_metrics_port
RAGSITE_METRICS_ADDRESS = ENV.ragsite_metrics_address
RAGSITE_WEBHOOK_HOSTS = ENV.webhook_hosts
RAGSITE_ALERT_WEBHOOK_URL = ENV.ragsite_alert_webhook_url
RAGSITE_ALERT_WEBHOOK_SECRET = ENV.ragsite_alert_webhook_secret.get_secret_value()
RAGSITE_ALERT_EMAILS = ENV.alert_emails
RAGSITE_ALERT_SENDER = ENV.ragsite_alert_sender
RAGSITE_ALERT_QUEUE_SECONDS = ENV.ragsite_alert_queue_seconds

MAIL = ENV.mail_server
EMAIL_BACKEND = "ragsite.core.mailing.MailBackend"
EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = MAIL.host, MAIL.port, 10
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL.user, MAIL.password
EMAIL_USE_SSL, EMAIL_USE_TLS = MAIL.tls, MAIL.starttls
RAGSITE_TRACE_ENDPOINT = ENV.otel_exporter_otlp_endpoint
RAGSITE_SERVICE = f"ragsite-{ENV.ragsite_process}"
RAGSITE_TRACE_RATIO = ENV.ragsite_trace_ratio
RAGSITE_TRACE_TEXT = ENV.ragsite_trace_text
RAGSITE_TRACE_URL = ENV.ragsite_trace_url
RAGSITE_CLICKHOUSE_URL = ENV.clickhouse_url.get_secret_value()
RAGSITE_ANALYTICS_DAYS = ENV.ragsite_analytics_days
RAGSITE_REDIS_URL = ENV.transport.redis(ENV.redis_url)
RAGSITE_KAFKA_BOOTSTRAP_SERVERS = ENV.kafka_bootstrap_servers
RAGSITE_KAFKA_TLS = ENV.ragsite_kafka_tls
RAGSITE_KAFKA_USER = ENV.ragsite_kafka_user
RAGSITE_KAFKA_PASSWORD = ENV.ragsite_kafka_password.get_secret_value()
RAGSITE_KAFKA_MECHANISM = ENV.ragsite_kafka_mechanism
RAGSITE_CA_FILE = ENV.ragsite_ca_file
RAGSITE_REQUIRE_TLS = ENV.ragsite_require_tls
RAGSITE_CORS_ORIGINS = ENV.cors_origins

LOGGING = logging_of(form=ENV.ragsite_log_format, texts=ENV.ragsite_log_text)

LOGIN_REDIRECT_URL = "admin:index"

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "ragsite",
    "SITE_HEADER": "ragsite",
    "SITE_SYMBOL": "library_books",
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "LOGIN": {"form": "ragsite.gateway.sign_in_page.SignInForm"},
    "ACCOUNT": {"navigation": "ragsite.gateway.second_factor_pages.account_links"},
    "DASHBOARD_CALLBACK": "apps.monitoring.home.page.home",
    "SIDEBAR": {"show_search": True, "command_search": True, "navigation": "apps.monitoring.navigation.navigation"},
    "TABS": "apps.monitoring.navigation.tabs",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("ragsite/favicon.svg")},
    ],
    "STYLES": [lambda request: static("ragsite/colours.css"), lambda request: static("ragsite/admin.css")],
    "SCRIPTS": [
        lambda request: static("ragsite/expressions.js"),
        lambda request: static("ragsite/theme.js"),
        lambda request: static("ragsite/charts.js"),
        lambda request: static("ragsite/live.js"),
    ],
}
