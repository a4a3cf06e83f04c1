"""Every code that a failure can have: the one table behind the answers, the OpenAPI document and the manual."""

from __future__ import annotations

from collections.abc import Mapping

PROBLEMS: Mapping[str, int] = {
    "bad_request": 400,
    "not_authenticated": 401,
    "permission_denied": 403,
    "url_ingestion_off": 403,
    "model_changed": 404,
    "model_not_found": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "request_timeout": 408,
    "conflict": 409,
    "idempotency_conflict": 409,
    "events_expired": 410,
    "precondition_failed": 412,
    "request_too_large": 413,
    "too_many_files": 413,
    "upload_too_large": 413,
    "url_too_long": 414,
    "unsupported_media_type": 415,
    "bad_filename": 422,
    "blob_damaged": 422,
    "blob_missing": 422,
    "chunks_too_long": 422,
    "context_too_long": 422,
    "corpus_too_large": 422,
    "damaged_file": 422,
    "empty_file": 422,
    "encrypted_file": 422,
    "idempotency_mismatch": 422,
    "invalid_chunking": 422,
    "invalid_filter": 422,
    "invalid_idempotency_key": 422,
    "invalid_input": 422,
    "invalid_masking": 422,
    "invalid_retrieval": 422,
    "invalid_setting": 422,
    "invalid_tags": 422,
    "model_too_large": 422,
    "nested_archive": 422,
    "no_reranker": 422,
    "passage_not_found": 422,
    "secret_unreadable": 422,
    "type_mismatch": 422,
    "unknown_type": 422,
    "unknown_type_name": 422,
    "unpinned_revision": 422,
    "unreadable_evaluation_set": 422,
    "unsafe_archive": 422,
    "unsafe_weights": 422,
    "unsupported_model": 422,
    "url_forbidden": 422,
    "url_refused": 422,
    "precondition_required": 428,
    "quota_exceeded": 429,
    "rate_limited": 429,
    "too_many_requests": 429,
    "too_many_tries": 429,
    "headers_too_large": 431,
    "internal_error": 500,
    "model_key_refused": 502,
    "model_server_refused": 502,
    "url_unreachable": 502,
    "analytics_off": 503,
    "analytics_unavailable": 503,
    "broker_unavailable": 503,
    "busy": 503,
    "circuit_open": 503,
    "database_busy": 503,
    "database_conflict": 503,
    "database_full": 503,
    "database_locked": 503,
    "database_timeout": 503,
    "database_unavailable": 503,
    "engine_failed": 503,
    "generation_busy": 503,
    "invalid_embedding": 503,
    "invalid_reply": 503,
    "invalid_readings": 503,
    "invalid_scores": 503,
    "lease_lost": 503,
    "limits_unavailable": 503,
    "model_loading": 503,
    "model_memory_busy": 503,
    "model_server_busy": 503,
    "model_server_failed": 503,
    "model_server_lost": 503,
    "model_server_unreachable": 503,
    "model_unavailable": 503,
    "model_unloaded": 503,
    "out_of_memory": 503,
    "storage_failed": 503,
    "temporarily_unavailable": 503,
    "vector_store_unavailable": 503,
    "worker_failed": 503,
    "worker_lost": 503,
    "deadline_exceeded": 504,
    "storage_full": 507,
}
"""Codes of problems, with their status."""

FAILURES = frozenset(
    {
        "being_indexed", "cancelled", "database_error", "empty_text", "imported", "index_switched", "no_text_layer", "part_gone",
        "recognition_timeout", "settings_changed", "too_deep", "too_large", "too_many_attempts", "too_much_memory", "too_slow",
        "unexpected_error", "unsafe_xml", "worker_died",
    }
)  # fmt: skip
"""What only work in the background fails with: the `error_code` of a version and its stages has these too."""

COMMANDS = frozenset(
    {
        "backup_damaged", "capacity_unknown", "checksum_mismatch", "configuration_error", "export_damaged", "hub_offline",
        "hub_refused", "hub_unavailable", "invalid_conversation", "invalid_event", "invalid_options", "invalid_row",
        "models_disk_full", "models_quota_exceeded", "nothing_borne_out", "remote_code_needed", "run_lost",
        "service_unavailable", "stalled", "stand_in_unfit", "unknown_event", "unreadable_file",
    }
)  # fmt: skip
"""What only commands, logs, the reason of a degraded answer and the last event of a stream say."""

EVERYWHERE = (
    "bad_request", "not_authenticated", "permission_denied", "request_timeout", "precondition_failed",
    "request_too_large", "url_too_long", "invalid_input", "quota_exceeded", "rate_limited", "too_many_requests",
    "headers_too_large", "internal_error", "busy", "limits_unavailable",
    "database_busy", "database_conflict", "database_full", "database_locked", "database_timeout", "database_unavailable",
)  # fmt: skip
"""What any operation can answer."""

NO_OPERATION = ("method_not_allowed", "nested_archive", "too_many_tries")
"""What no operation answers as a whole: where there is none, what is said about one file of many, and when people sign in."""

FILES = (
    "upload_too_large", "too_many_files", "unknown_type", "type_mismatch", "empty_file", "bad_filename", "encrypted_file",
    "unsafe_archive", "damaged_file", "storage_failed", "storage_full",
)  # fmt: skip
"""What an operation that takes a document's bytes can answer besides."""

MODELS = (
    "model_not_found", "model_changed", "model_too_large", "unsupported_model", "unsafe_weights", "broker_unavailable",
    "circuit_open", "engine_failed", "invalid_embedding", "invalid_readings", "invalid_reply", "invalid_scores", "model_loading",
    "model_memory_busy", "model_unavailable", "model_unloaded", "out_of_memory", "temporarily_unavailable",
    "worker_failed", "worker_lost", "generation_busy", "context_too_long", "model_key_refused", "model_server_refused",
    "model_server_busy", "model_server_failed", "model_server_lost", "model_server_unreachable", "deadline_exceeded",
    "vector_store_unavailable",
)  # fmt: skip
"""What an operation that asks a model can answer besides."""
