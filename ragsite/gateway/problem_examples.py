"""What each code is told with, as the code says it: the examples of the OpenAPI document. Tests hold them against the source."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, str] = {
    "bad_request": "The body has a number with too many digits. Mend the body, and send it again.",
    "not_authenticated": (
        "The API key is unknown, expired or revoked. Send a valid key as `Authorization: Bearer <key>`."
    ),
    "permission_denied": (
        "reader lacks the permission 'write'. Use a key that has it; keys are made in the admin under API keys."
    ),
    "url_ingestion_off": (
        "Fetching documents from addresses is switched off here. Upload the document, or have the setting "
        "`fetching.enabled` switched on."
    ),
    "model_changed": (
        "The weights of 'sentence-transformers/all-MiniLM-L6-v2' at '/srv/models/minilm' have changed: "
        "their SHA-256 is 5d0f…, registered is 53aa…. Register the changed files as a new version: "
        "`manage.py models register PATH`."
    ),
    "model_not_found": (
        "No embedding model is registered as the default. Register one: `manage.py models register PATH`."
    ),
    "not_found": "There is no version 0198a203-e599-7979-b251-3e6c4f661cc8 of this document.",
    "method_not_allowed": "PUT /api/v1/documents/ was refused. Use GET, POST, HEAD, OPTIONS.",
    "not_acceptable": "Nothing is told here in a type of the `Accept` that was sent. Accept application/json.",
    "request_timeout": "The request did not arrive in time. Send it again.",
    "conflict": "There is already a knowledge base named 'Handbooks'. Choose another name.",
    "idempotency_conflict": (
        "The first request under Idempotency-Key '1' is still running. Wait a moment, then send it again: "
        "the first one's answer is given."
    ),
    "events_expired": (
        "The events of the answer 0198a203-e599-7979-b251-3e6c4f661cc8 are not there any more. GET "
        "/api/v1/answers/0198a203-e599-7979-b251-3e6c4f661cc8."
    ),
    "precondition_failed": (
        "It has changed since it was read. Read it again, and send the `ETag` of that answer as `If-Match`."
    ),
    "request_too_large": "A request to this address may have 1048576 bytes. Send it in parts.",
    "too_many_files": "A request may have 100 files. Send them in parts.",
    "upload_too_large": (
        "'handbook.pdf' is larger than the 25 MB one document may have. Split the document, or ask the "
        "operator to raise RAGSITE_MAX_UPLOAD_MB."
    ),
    "url_too_long": "An address may have 8192 bytes. Send what is long in a body.",
    "unsupported_media_type": "The content type 'application/xml' is not read here. Send application/json.",
    "bad_filename": (
        "The name '..' can't be used as a file's name. Rename the file, with letters or digits in its name, "
        "and upload it again."
    ),
    "blob_damaged": "The stored bytes are not those that were uploaded. Upload the document again.",
    "blob_missing": "The stored bytes are missing. Upload the document again.",
    "chunks_too_long": (
        "sentence-transformers/all-MiniLM-L6-v2 reads 254 tokens, and the longest passage has 400. Give "
        "chunking with a size of at most 254, too."
    ),
    "context_too_long": (
        "The prompt has 3900 tokens and 500 more are to be written, together more than the 4096 that "
        "'smollm2' has room for. Shorten the messages, ask for fewer tokens, or raise "
        "RAGSITE_GENERATION_TOKENS up to the model's context."
    ),
    "corpus_too_large": (
        "corpus.jsonl has more than 500 documents. Ingest them first, with their ids as external ids, or "
        "use `manage.py evaluate`."
    ),
    "damaged_file": (
        "No page of the PDF can be read (3 in all). Open the file in the program that made it, save it "
        "again there and upload the new file."
    ),
    "empty_file": (
        "The file 'note.txt' is empty: it has 0 bytes. Upload the file again; if it is still empty, save it "
        "again in the program that made it."
    ),
    "encrypted_file": (
        "The PDF can't be opened without a password. Save the file without a password and upload it again."
    ),
    "idempotency_mismatch": (
        "The Idempotency-Key '1' was used for another request. Send each request under a key of its own; "
        "only a repeat carries the same one."
    ),
    "invalid_chunking": (
        "The chunk size 3 is invalid. Choose a size from 16 to 2048 tokens and an overlap from 0 to half of "
        "the size, with one of the strategies 'structure', 'window' and the context 'none' or 'names'."
    ),
    "invalid_filter": (
        "The filter created_after 'yesterday' is invalid: it is not a date. Write it in ISO 8601: "
        "2024-05-01 or 2024-05-01T10:00:00Z."
    ),
    "invalid_idempotency_key": (
        "The Idempotency-Key 'two words' cannot be used. Send 1 to 255 visible ASCII characters without "
        "spaces, such as a UUID."
    ),
    "invalid_input": "The request is not valid. See errors for what to change.",
    "invalid_setting": "The setting search.seconds can't be 0. Give a number larger than 0, and not that itself.",
    "invalid_masking": (
        "No kind of values is named. Choose a mode of off, watch, and one or more kinds of email, phone."
    ),
    "invalid_retrieval": (
        "The weight 7 is invalid. Choose a mode of hybrid, dense, lexical, a fusion of convex, rrf, a "
        "weight from 0 (only words count) to 1 (only meaning), and names and same_page from 0 to 1."
    ),
    "invalid_tags": (
        "The tag 'a,b' is invalid. Give at most 50 tags, each a text of 1 to 60 characters without commas "
        "and line breaks."
    ),
    "model_too_large": (
        "The model 'sentence-transformers/all-MiniLM-L6-v2' needs 9000000000 bytes, more than the budget of "
        "4000000000 bytes. Raise RAGSITE_MODEL_MEMORY_MB or use a smaller model."
    ),
    "nested_archive": (
        "The file 'inner.zip' in the archive is an archive itself, and is not opened. Unpack the inner "
        "archive and upload its files."
    ),
    "no_reranker": (
        "No reranker is registered. Search without `rerank`, or register a cross-encoder: `manage.py models "
        "register PATH`."
    ),
    "passage_not_found": (
        "questions.jsonl, line 4: the passage 'The harbour has 42 berths' is not in Handbook. Copy it from "
        "the parsed text, wait until the document is ready, or leave the passage empty."
    ),
    "secret_unreadable": (
        "A stored secret cannot be read. Give it again; RAGSITE_SECRET_KEY is another than when it was stored."
    ),
    "type_mismatch": (
        "The file 'note.pdf' ends in .pdf, but its content is plain text. Files are accepted if their "
        "content matches their extension: .pdf, .docx, .md."
    ),
    "unknown_type": (
        "The extension '.exe' of 'setup.exe' is not accepted. Files are accepted if their content matches "
        "their extension: .pdf, .docx, .md."
    ),
    "unknown_type_name": (
        "The document type 'paper' is not known. Choose from the types pdf, docx, the families office, web, "
        "or give an extension or a media type."
    ),
    "unpinned_revision": (
        "The revision 'main' of 'acme/tiny' is not a commit: branches and tags can change. Give the full "
        "40-digit commit hash with --revision."
    ),
    "unreadable_evaluation_set": "queries.jsonl, line 3: there is no text. Correct that line, or leave it out.",
    "unsafe_archive": (
        "A stream of the PDF is packed more than 8 times over. Save the document again without its large "
        "attachments, and upload that."
    ),
    "unsafe_weights": (
        "acme/tiny has only pickled weights (pytorch_model.bin), which can run code when they are read. "
        "Choose a revision with model.safetensors, or convert it and register the folder."
    ),
    "unsupported_model": "The model has no chat template or no fast tokenizer. Use its instruction-tuned version.",
    "url_forbidden": (
        "The address 'ftp://example.org/a.pdf' does not begin with http:// or https://. Download the "
        "document and upload it instead."
    ),
    "url_refused": (
        "example.org answered 404 where a document was expected. Open the address in a browser and check "
        "it, or upload the document instead."
    ),
    "precondition_required": (
        "A DELETE must say by If-Match what it changes. Read it, and send the `ETag` of that answer as "
        "`If-Match`; or `If-Match: *` to change it as it is."
    ),
    "quota_exceeded": (
        "The API key has reached a limit: 5,000 answers a month. It begins anew at 2027-01-01 00:00 UTC; "
        "whoever runs ragsite can raise it."
    ),
    "rate_limited": "The API key has reached a limit: 10 answers a minute. Wait 7 s, then send it again.",
    "too_many_requests": "Too many of your requests are under way. Wait for some of them.",
    "too_many_tries": (
        "Too many sign-ins failed. Wait 30 seconds, then try again. If it was not you who tried, ask the "
        "operator for a pass."
    ),
    "headers_too_large": "Headers may have 32768 bytes. Send less in them.",
    "internal_error": "Something went wrong here. It has been logged; try again, then tell the operator.",
    "model_key_refused": (
        "http://127.0.0.1:8080/v1 refused the key (401): Unauthorized Connect the model again with a key "
        "that its server takes."
    ),
    "model_server_refused": (
        "http://127.0.0.1:8080/v1 answered 404: no such model Check the address and the model by `manage.py "
        "models test`."
    ),
    "url_unreachable": (
        "The host 'example.org' was not found. Check the address, then try again, or upload the document instead."
    ),
    "broker_unavailable": (
        "Redis, which has the events, does not answer. Ask for the events after the last one you have. Look "
        "the answer up, as it may have been saved; else ask again."
    ),
    "busy": "Too many requests of the kind search are under way. Try again.",
    "circuit_open": (
        "The model workers have not answered for 'sentence-transformers/all-MiniLM-L6-v2' several times in "
        "a row, so they are not asked for now. Check that a model worker is running, then try again."
    ),
    "database_busy": "All connections to the database are in use. Try again in a moment.",
    "database_conflict": "Two changes met, and this one was undone. Send it again.",
    "database_full": "The disk of the database is full. Free some space there, then try again.",
    "database_locked": "Something else is changing the same rows. Try again in a moment.",
    "database_timeout": "The database took too long. Ask for less at once, or try again later.",
    "database_unavailable": "The database does not answer. Try again.",
    "engine_failed": (
        "The model 'sentence-transformers/all-MiniLM-L6-v2' failed on a batch: RuntimeError: CUDA error. "
        "Check that a model worker is running, then try again."
    ),
    "generation_busy": "The model worker writes 8 texts already. Try again, or add a model worker.",
    "invalid_embedding": (
        "The model 'sentence-transformers/all-MiniLM-L6-v2' answered shape (1, 3) where (1, 384) finite "
        "numbers were due. Check the log of the model worker or server, and the registered model."
    ),
    "invalid_reply": (
        "The model worker answered 'nothing', which is not a model's answer. Check that callers and model "
        "workers run the same version."
    ),
    "invalid_readings": (
        "The model 'acme/reader' answered a span that is not in the passage. Check the log of the model "
        "worker or server, and the registered model."
    ),
    "invalid_scores": (
        "The model 'acme/reranker' answered shape (1, 3) where (3, 1) finite numbers were due. Check the "
        "log of the model worker or server, and the registered model."
    ),
    "lease_lost": "The request under Idempotency-Key '1' took too long. Try again.",
    "limits_unavailable": "What you may still ask for cannot be counted now. Try again.",
    "model_loading": "The model 'sentence-transformers/all-MiniLM-L6-v2' is still loading. Try again.",
    "model_memory_busy": (
        "The model 'smollm2' needs 3000000000 bytes of the budget of 4000000000, and the models that hold "
        "it are pinned or in use. Try again; if it stays so, raise RAGSITE_MODEL_MEMORY_MB."
    ),
    "model_server_busy": (
        "http://127.0.0.1:8080/v1 is busy: too many requests Try again, or connect another server for this model."
    ),
    "model_server_failed": (
        "http://127.0.0.1:8080/v1 failed (500): internal error See the log of the model server, then try again."
    ),
    "model_server_lost": (
        "The model server http://127.0.0.1:8080/v1 broke off in the middle of its answer (ReadError). Try "
        "again; see the log of the model server."
    ),
    "model_server_unreachable": (
        "The model server http://127.0.0.1:8080/v1 was not reached (ConnectError). Check that the model "
        "server runs and can be reached from here, then try again."
    ),
    "model_unavailable": "No model worker answered. Check that a model worker is running, then try again.",
    "model_unloaded": "The model 'sentence-transformers/all-MiniLM-L6-v2' is being unloaded. Try again.",
    "out_of_memory": (
        "The device ran out of memory on one text of 512 tokens with "
        "'sentence-transformers/all-MiniLM-L6-v2'. Free memory on the device, or use a smaller model."
    ),
    "analytics_off": (
        "Reports need ClickHouse, and none is set up. Set CLICKHOUSE_URL to a server's address, or to `embedded`; "
        "see docs/analytics.md."
    ),
    "analytics_unavailable": (
        "No process owns the engine for reports now. Reports are back once ClickHouse answers; nothing is lost "
        "meanwhile. `manage.py analytics status` says more."
    ),
    "storage_failed": "The storage for documents cannot be written. Check RAGSITE_DATA_DIR.",
    "temporarily_unavailable": "The sign-in provider can't be used now. Try again in a moment.",
    "vector_store_unavailable": (
        "Milvus does not answer. Check that it is running and reached at RAGSITE_MILVUS_URL; it is tried again "
        "automatically."
    ),
    "worker_failed": "The model worker failed: OSError: Bad file descriptor See the model worker's log.",
    "worker_lost": "The model worker that was at it is gone. Try again; see the model worker's log.",
    "deadline_exceeded": (
        "No model worker answered on the queue 'models.query' before the deadline. Check that a model "
        "worker is running, then try again."
    ),
    "storage_full": "The storage for documents is full. Free some space, then upload again.",
}
