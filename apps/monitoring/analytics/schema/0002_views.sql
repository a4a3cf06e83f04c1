-- What reports sum up, in the form in which they read it. A repeat reaches a view, too: so each view keeps rows that replace
-- themselves, or states in which the same thing twice counts once. A plain sum would count it twice.

CREATE TABLE IF NOT EXISTS query_steps (
    tenant UUID, step LowCardinality(String), query_id UUID, sequence UInt64, at DateTime64(6, 'UTC'), milliseconds Float64
) ENGINE = ReplacingMergeTree(sequence) PARTITION BY toYYYYMM(at) ORDER BY (tenant, step, query_id)
TTL toDateTime(at) + INTERVAL 400 DAY SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS query_steps_of_queries TO query_steps AS
SELECT tenant, step, query_id, sequence, at, took AS milliseconds
FROM queries ARRAY JOIN mapKeys(milliseconds) AS step, mapValues(milliseconds) AS took;

CREATE TABLE IF NOT EXISTS stage_times (
    tenant UUID, knowledge_base UUID, stage LowCardinality(String), document_id UUID, version_id UUID, sequence UInt64,
    at DateTime64(6, 'UTC'), waited Float64, worked Float64
) ENGINE = ReplacingMergeTree(sequence) PARTITION BY toYYYYMM(at) ORDER BY (tenant, stage, version_id)
TTL toDateTime(at) + INTERVAL 400 DAY SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS stage_times_of_ingestion TO stage_times AS
SELECT tenant, knowledge_base, name AS stage, document_id, version_id, sequence, at, pause AS waited, worked[name] AS worked
FROM ingestion ARRAY JOIN mapKeys(waited) AS name, mapValues(waited) AS pause WHERE type = 'vector.indexed';

CREATE TABLE IF NOT EXISTS passages_cited (
    tenant UUID, knowledge_base UUID, document_id UUID, version_id UUID, start UInt32, `end` UInt32, day Date,
    queries AggregateFunction(uniqExact, UUID)
) ENGINE = AggregatingMergeTree PARTITION BY toYYYYMM(day)
ORDER BY (tenant, document_id, version_id, start, `end`, knowledge_base, day)
TTL day + INTERVAL 400 DAY SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS passages_cited_of_citations TO passages_cited AS
SELECT tenant, knowledge_base, document_id, version_id, start, `end`, toDate(at) AS day, uniqExactState(query_id) AS queries
FROM citations GROUP BY tenant, knowledge_base, document_id, version_id, start, `end`, day;
