-- One row a fact, whichever way it came and however often: a fact is replaced by the same one of a later event.
-- The keys are those of what the fact is about, so that what was filled in from PostgreSQL and what an event told meet.

CREATE TABLE IF NOT EXISTS queries (
    tenant UUID, query_id UUID, event_id UUID, sequence UInt64, at DateTime64(6, 'UTC'),
    found Bool, generator LowCardinality(String), passages UInt32, citations UInt32,
    milliseconds Map(LowCardinality(String), Float64), degraded Array(LowCardinality(String))
) ENGINE = ReplacingMergeTree(sequence) PARTITION BY toYYYYMM(at) ORDER BY (tenant, query_id)
TTL toDateTime(at) + INTERVAL 400 DAY SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS retrievals (
    tenant UUID, query_id UUID, event_id UUID, sequence UInt64, at DateTime64(6, 'UTC'),
    knowledge_bases Array(UUID), mode LowCardinality(String), passages UInt32, best_score Nullable(Float64),
    candidates Map(LowCardinality(String), UInt32), milliseconds Float64
) ENGINE = ReplacingMergeTree(sequence) PARTITION BY toYYYYMM(at) ORDER BY (tenant, query_id)
TTL toDateTime(at) + INTERVAL 400 DAY SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS generations (
    tenant UUID, query_id UUID, answer_id UUID, event_id UUID, sequence UInt64, at DateTime64(6, 'UTC'),
    knowledge_bases Array(UUID), found Bool, generator LowCardinality(String), model LowCardinality(String),
    prompt LowCardinality(String), tokens_read UInt64, tokens_written UInt64, statements UInt32, supported UInt32,
    citations UInt32, from_cache Bool
) ENGINE = ReplacingMergeTree(sequence) PARTITION BY toYYYYMM(at) ORDER BY (tenant, query_id)
TTL toDateTime(at) + INTERVAL 400 DAY SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS citations (
    tenant UUID, knowledge_base UUID, document_id UUID, version_id UUID, start UInt32, `end` UInt32,
    query_id UUID, event_id UUID, sequence UInt64, at DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree(sequence) PARTITION BY toYYYYMM(at)
ORDER BY (tenant, document_id, version_id, start, `end`, query_id)
TTL toDateTime(at) + INTERVAL 400 DAY SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS ratings (
    tenant UUID, query_id UUID, answer_id UUID, event_id UUID, sequence UInt64, at DateTime64(6, 'UTC'),
    rating LowCardinality(String), has_comment Bool
) ENGINE = ReplacingMergeTree(sequence) PARTITION BY toYYYYMM(at) ORDER BY (tenant, query_id)
TTL toDateTime(at) + INTERVAL 400 DAY SETTINGS non_replicated_deduplication_window = 10000;

-- `subject` is the version of what happens once to each version, the document of what happens once to each document, and else
-- the event itself.
CREATE TABLE IF NOT EXISTS ingestion (
    tenant UUID, type LowCardinality(String), subject UUID, event_id UUID, sequence UInt64, at DateTime64(6, 'UTC'),
    knowledge_base UUID, document_id UUID, version_id UUID, generation UInt64, chunks UInt32,
    stage LowCardinality(String), error_code LowCardinality(String),
    waited Map(LowCardinality(String), Float64), worked Map(LowCardinality(String), Float64)
) ENGINE = ReplacingMergeTree(sequence) PARTITION BY toYYYYMM(at) ORDER BY (tenant, type, subject)
TTL toDateTime(at) + INTERVAL 400 DAY SETTINGS non_replicated_deduplication_window = 10000;

-- Of the whole installation: no tenant has models.
CREATE TABLE IF NOT EXISTS models (
    type LowCardinality(String), event_id UUID, sequence UInt64, at DateTime64(6, 'UTC'),
    model_id UUID, version_id UUID, model LowCardinality(String), kind LowCardinality(String),
    status LowCardinality(String), worker LowCardinality(String), device LowCardinality(String), bytes UInt64
) ENGINE = ReplacingMergeTree(sequence) PARTITION BY toYYYYMM(at) ORDER BY (type, event_id)
TTL toDateTime(at) + INTERVAL 400 DAY SETTINGS non_replicated_deduplication_window = 10000;

-- Documents of which all traces were erased: what is told of them again is not counted again.
CREATE TABLE IF NOT EXISTS erased (
    tenant UUID, document_id UUID, at DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree ORDER BY (tenant, document_id);
