-- Events as they stand in Kafka, which ClickHouse reads and views turn into facts. Nothing is kept of an event itself: what no
-- view names, such as a title, is passed over. What an event that is whole can't lack is checked.

CREATE TABLE IF NOT EXISTS told_queries (
    type String, id UUID, tenant UUID, sequence UInt64, time DateTime64(6, 'UTC'),
    data Tuple(query_id UUID, found Bool, generator LowCardinality(String), passages UInt32, citations UInt32,
        milliseconds Map(LowCardinality(String), Float64), degraded Array(Tuple(step LowCardinality(String)))),
    CONSTRAINT whole CHECK tenant != toUUID('00000000-0000-0000-0000-000000000000')
        AND data.query_id != toUUID('00000000-0000-0000-0000-000000000000')
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS queries_of_told TO queries AS
SELECT tenant, data.query_id AS query_id, id AS event_id, sequence, time AS at, data.found AS found,
    data.generator AS generator, data.passages AS passages, data.citations AS citations,
    data.milliseconds AS milliseconds, data.degraded.step AS degraded
FROM told_queries;

CREATE TABLE IF NOT EXISTS told_retrievals (
    type String, id UUID, tenant UUID, sequence UInt64, time DateTime64(6, 'UTC'),
    data Tuple(query_id UUID, knowledge_bases Array(UUID), mode LowCardinality(String), passages UInt32,
        best_score Nullable(Float64), candidates Map(LowCardinality(String), UInt32),
        milliseconds Map(LowCardinality(String), Float64)),
    CONSTRAINT whole CHECK tenant != toUUID('00000000-0000-0000-0000-000000000000')
        AND data.query_id != toUUID('00000000-0000-0000-0000-000000000000')
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS retrievals_of_told TO retrievals AS
SELECT tenant, data.query_id AS query_id, id AS event_id, sequence, time AS at, data.knowledge_bases AS knowledge_bases,
    data.mode AS mode, data.passages AS passages, data.best_score AS best_score, data.candidates AS candidates,
    arraySum(mapValues(data.milliseconds)) AS milliseconds
FROM told_retrievals;

CREATE TABLE IF NOT EXISTS told_generations (
    type String, id UUID, tenant UUID, sequence UInt64, time DateTime64(6, 'UTC'),
    data Tuple(query_id UUID, answer_id UUID, knowledge_bases Array(UUID), found Bool, generator LowCardinality(String),
        model LowCardinality(String), prompt LowCardinality(String), tokens_read UInt64, tokens_written UInt64,
        statements UInt32, supported UInt32, from_cache Bool,
        cited Array(Tuple(knowledge_base_id UUID, document_id UUID, version_id UUID, start UInt32, `end` UInt32))),
    CONSTRAINT whole CHECK tenant != toUUID('00000000-0000-0000-0000-000000000000')
        AND data.query_id != toUUID('00000000-0000-0000-0000-000000000000')
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS generations_of_told TO generations AS
SELECT tenant, data.query_id AS query_id, data.answer_id AS answer_id, id AS event_id, sequence, time AS at,
    data.knowledge_bases AS knowledge_bases, data.found AS found, data.generator AS generator, data.model AS model,
    data.prompt AS prompt, data.tokens_read AS tokens_read, data.tokens_written AS tokens_written,
    data.statements AS statements, data.supported AS supported, length(data.cited) AS citations,
    data.from_cache AS from_cache
FROM told_generations;

CREATE MATERIALIZED VIEW IF NOT EXISTS citations_of_told TO citations AS
SELECT tenant, one.knowledge_base_id AS knowledge_base, one.document_id AS document_id, one.version_id AS version_id,
    one.start AS start, one.`end` AS `end`, data.query_id AS query_id, id AS event_id, sequence, time AS at
FROM told_generations ARRAY JOIN arrayDistinct(data.cited) AS one;

CREATE TABLE IF NOT EXISTS told_ratings (
    type String, id UUID, tenant UUID, sequence UInt64, time DateTime64(6, 'UTC'),
    data Tuple(query_id UUID, answer_id UUID, rating Nullable(String), has_comment Bool),
    CONSTRAINT whole CHECK tenant != toUUID('00000000-0000-0000-0000-000000000000')
        AND data.query_id != toUUID('00000000-0000-0000-0000-000000000000')
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ratings_of_told TO ratings AS
SELECT tenant, data.query_id AS query_id, data.answer_id AS answer_id, id AS event_id, sequence, time AS at,
    ifNull(data.rating, '') AS rating, data.has_comment AS has_comment
FROM told_ratings;

CREATE TABLE IF NOT EXISTS told_ingestion (
    type LowCardinality(String), id UUID, tenant UUID, sequence UInt64, time DateTime64(6, 'UTC'),
    data Tuple(knowledge_base_id UUID, document_id UUID, version_id Nullable(UUID), generation_id UInt64, chunks UInt32,
        stage LowCardinality(String), error_code LowCardinality(String),
        waited_milliseconds Map(LowCardinality(String), Float64),
        worked_milliseconds Map(LowCardinality(String), Float64)),
    CONSTRAINT whole CHECK tenant != toUUID('00000000-0000-0000-0000-000000000000')
        AND data.knowledge_base_id != toUUID('00000000-0000-0000-0000-000000000000')
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ingestion_of_told TO ingestion AS
SELECT tenant, type,
    multiIf(type IN ('document.created', 'document.deleted'), data.document_id,
        type IN ('document.failed', 'vector.indexed'), assumeNotNull(data.version_id), id) AS subject,
    id AS event_id, sequence, time AS at, data.knowledge_base_id AS knowledge_base, data.document_id AS document_id,
    ifNull(data.version_id, toUUID('00000000-0000-0000-0000-000000000000')) AS version_id,
    data.generation_id AS generation, data.chunks AS chunks, data.stage AS stage, data.error_code AS error_code,
    data.waited_milliseconds AS waited, data.worked_milliseconds AS worked
FROM told_ingestion;

CREATE TABLE IF NOT EXISTS told_models (
    type LowCardinality(String), id UUID, sequence UInt64, time DateTime64(6, 'UTC'),
    data Tuple(model_id UUID, version_id UUID, model LowCardinality(String), kind LowCardinality(String),
        status LowCardinality(String), worker LowCardinality(String), device LowCardinality(String), bytes UInt64),
    CONSTRAINT whole CHECK data.model_id != toUUID('00000000-0000-0000-0000-000000000000')
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS models_of_told TO models AS
SELECT type, id AS event_id, sequence, time AS at, data.model_id AS model_id, data.version_id AS version_id,
    data.model AS model, data.kind AS kind, data.status AS status, data.worker AS worker, data.device AS device,
    data.bytes AS bytes
FROM told_models;
