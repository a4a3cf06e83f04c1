"""Every metric, as one table.

A label has few values, known beforehand or not: each says how many at most, and a process tells further ones together as
`other`. So nobody's text, name or id becomes a label. What stands here is in docs/metrics.md, which is made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

OTHER = "other"
"""The value that stands for those beyond the most that a label may have."""


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Told(StrEnum):
    """By whom: the process in which it happens, or the web process, which asks PostgreSQL when it is scraped."""

    WEB = "web"
    WORKER = "worker"
    MODELS = "model worker"
    BEAT = "beat"
    RELAY = "relay"
    ANY = "any process"
    DATABASE = "web, of PostgreSQL"


@dataclass(frozen=True, slots=True)
class Label:
    """A label; it has `most` different values at most."""

    name: str
    most: int
    says: str


@dataclass(frozen=True, slots=True)
class Metric:
    """A row: the name as Prometheus shows it, without the endings of a histogram's parts. `of_library`: who keeps it."""

    name: str
    kind: Kind
    told: Told
    sentence: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    of_library: str = ""

    @property
    def series(self) -> tuple[str, ...]:
        """The names of its time series."""
        if self.kind is Kind.HISTOGRAM:
            return tuple(f"{self.name}{end}" for end in ("_bucket", "_sum", "_count"))
        return (self.name,)


C, G, H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

REQUEST = Label("kind", 10, "kind of request, as requests wait for their turn: `search`, `answer`, `upload`, …")
CODE = Label("code", 40, "the problem's code, as in the answer")
REASON = Label("reason", 10, "`429`, `503`, or `left` where the client did")
CHOICE = Label("choice", 3, "what RAGSITE_LIMITS_WITHOUT_REDIS says")
PLAN = Label(
    "plan", 6,
    "`exact`, `index`, `iterative`, `exact_after_index` where the index returned too few, `store` for one beside PostgreSQL, or "
    "`none` where that was away and there was too much to compare",
)  # fmt: skip
STORE_CALL = Label("call", 8, "`search`, `write`, `remove`, `ensure`, `look`, `drop`, or `check`")
STORE_ANSWER = Label("outcome", 3, "`done`, `failed`, or `left` where it was not asked, as it had failed a moment ago")
RESULT = Label("result", 4, "where it was found: `process`, `redis`, or `miss`")
STEP = Label("step", 20, "the step of a search or answer: `embed`, `dense`, `lexical`, `rerank`, `generate`, …")
STAGE = Label("stage", 8, "`parse`, `chunk`, `embed`, `activate`")
OUTCOME = Label("outcome", 8, "`done`, `failed`, or `postponed` where it is tried again")
JOB = Label("job", 80, "a job of the table of jobs")
QUEUE = Label("queue", 12, "a queue")
MODEL = Label("model", 50, "the model's name in the registry")
MODEL_KIND = Label("kind", 8, "`embedding`, `reranking`, `reading`, `generation`")
ANSWERED = Label("outcome", 3, "`done`, `failed`, or `left` where the reader of a text went away")
TRANSPORT = Label("transport", 4, "the way to it: `queue` for model workers, `http` for servers")
BREAKER = Label("state", 3, "`closed`, `half_open`, or `open`: calls are not made")
STORE = Label("store", 2, "`first`, or `second` where the first could not give it")
BLOB_READ = Label("outcome", 4, "`given`, `missing`, `damaged`, or `failed` where the store does not answer")
CHECK = Label("check", 20, "a deep check: `database`, `known-query`, `model`, …")
SEVERITY = Label("severity", 3, "`critical`, or `warning`")
CONSUMER = Label("consumer", 8, "who takes events from Kafka: `analytics`, `webhooks`")
TAKEN = Label("outcome", 3, "`taken`, `passed_over`, or `dead` where it is a dead letter")
SOURCE = Label("source", 8, "what was read: `database`, `breakers`, `models`, `samples`")
STATUS = Label("status", 60, "the status of the answer")
VIEW = Label("view", 300, "the name of the address")
METHOD = Label("method", 10, "the method")

WAY = Label("way", 2, "how it travelled: by the `outbox`, or as a sample by the `stream`")
SENDING = Label("outcome", 3, "`sent`, `failed` where it is tried again, or `given_up`")
LOST = Label("reason", 3, "`redis` is away, too many wait (`full`), or a field is not of its type (`invalid`)")

MOMENTS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds of what a person waits for."""

WORKING = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds of work in the background."""

LAGS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3_600.0)
"""Seconds until somebody else hears of what happened."""

MANY = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
MANY_TOKENS = (16.0, 64.0, 256.0, 1_024.0, 2_048.0, 4_096.0, 8_192.0, 16_384.0, 32_768.0)
LIBRARY = "django-prometheus"

METRICS: tuple[Metric, ...] = (
    Metric(
        "django_http_requests_latency_seconds_by_view_method", H, Told.WEB, "Seconds of requests, by address.",
        (VIEW, METHOD), of_library=LIBRARY,
    ),
    Metric(
        "django_http_responses_total_by_status_total", C, Told.WEB, "Requests that were answered, by status.", (STATUS,),
        of_library=LIBRARY,
    ),
    Metric(
        "ragsite_blob_reads_total", C, Told.ANY,
        "Uploaded files that were read where there is a second store, by store and what came of it.", (STORE, BLOB_READ),
    ),
    Metric(
        "ragsite_edge_refused_total", C, Told.WEB, "Requests that the edge of the web process refused.", (CODE,),
    ),
    Metric("ragsite_requests_running", G, Told.WEB, "Requests that are worked on.", (REQUEST,)),
    Metric("ragsite_requests_waiting", G, Told.WEB, "Requests that wait for their turn.", (REQUEST,)),
    Metric(
        "ragsite_requests_wait_seconds", H, Told.WEB, "How long admitted requests waited for their turn.", (REQUEST,),
        MOMENTS,
    ),
    Metric(
        "ragsite_requests_turned_away_total", C, Told.WEB,
        "Requests that were not admitted: the caller has too many (429), there are too many (503), or the client left.",
        (REQUEST, REASON),
    ),
    Metric(
        "ragsite_limits_without_redis_total", C, Told.WEB, "Times that limits were asked for while Redis was away.",
        (CHOICE,),
    ),
    Metric(
        "ragsite_dense_searches_total", C, Told.ANY, "Searches for the nearest vectors, by how they were done.", (PLAN,),
    ),
    Metric(
        "ragsite_vector_store_calls_total", C, Told.ANY, "Calls of a vector store beside PostgreSQL.",
        (STORE_CALL, STORE_ANSWER),
    ),
    Metric(
        "ragsite_vector_store_waiting", G, Told.DATABASE,
        "Document versions of which a vector store beside PostgreSQL is still to be told.",
    ),
    Metric(
        "ragsite_step_seconds", H, Told.ANY, "Seconds of the steps of searches and answers.", (STEP,), MOMENTS,
    ),
    Metric(
        "ragsite_answer_cache_total", C, Told.WEB,
        "Questions looked up in the cache of answers, by where they were found.", (RESULT,),
    ),
    Metric(
        "ragsite_model_call_seconds", H, Told.ANY,
        "Seconds of calls to models, as who calls waits for them: to the last token of a text.", (MODEL_KIND,), MOMENTS,
    ),
    Metric("ragsite_model_calls_total", C, Told.ANY, "Calls to models, by what came of them.", (MODEL_KIND, ANSWERED)),
    Metric(
        "ragsite_generated_tokens_total", C, Told.ANY, "Tokens that language models wrote, as who asked counts them.",
        (MODEL,),
    ),
    Metric(
        "ragsite_prompt_tokens_total", C, Told.ANY, "Tokens that language models read first, likewise.", (MODEL,),
    ),
    Metric(
        "ragsite_model_tokens_total", C, Told.MODELS,
        "Tokens that models read in batches; with the kind `embedding`, the tokens that were embedded.",
        (MODEL_KIND, MODEL),
    ),
    Metric("ragsite_batch_inputs", H, Told.MODELS, "Texts, or pairs of them, of a batch.", (MODEL_KIND,), MANY),
    Metric("ragsite_batch_tokens", H, Told.MODELS, "Tokens of a batch, without padding.", (MODEL_KIND,), MANY_TOKENS),
    Metric("ragsite_batch_seconds", H, Told.MODELS, "Seconds that a device took for a batch.", (MODEL_KIND,), MOMENTS),
    Metric("ragsite_model_memory_bytes", G, Told.MODELS, "What a loaded model takes.", (MODEL,)),
    Metric("ragsite_model_memory_budget_bytes", G, Told.MODELS, "What models may take together."),
    Metric(
        "ragsite_breakers", G, Told.ANY, "Ways to models of this process, by whether calls are made.",
        (TRANSPORT, MODEL_KIND, BREAKER),
    ),
    Metric("ragsite_stage_starts_total", C, Told.WORKER, "Versions that a worker took up for a stage.", (STAGE,)),
    Metric(
        "ragsite_stage_ends_total", C, Told.WORKER, "Versions that left a worker, by what came of the stage.",
        (STAGE, OUTCOME),
    ),
    Metric(
        "ragsite_job_seconds", H, Told.WORKER,
        "Seconds of work on what was claimed at once; a stage of a version is such a job.", (JOB,), WORKING,
    ),
    Metric("ragsite_beat_leads", G, Told.BEAT, "Whether this beat is the one that rings: 1 or 0."),
    Metric(
        "ragsite_relay_events_total", C, Told.RELAY, "Tries to send an event to the broker, by what came of them.",
        (WAY, SENDING),
    ),
    Metric(
        "ragsite_relay_lag_seconds", H, Told.RELAY,
        "From when an event was written until the broker had it; to write it comes shortly before its commit.", (WAY,), LAGS,
    ),
    Metric(
        "ragsite_samples_waiting", G, Told.RELAY, "Samples in the stream of Redis that were not sent yet; about 10,000 at most.",
    ),
    Metric(
        "ragsite_samples_skipped_total", C, Told.ANY, "Samples that were lost before they were in the stream.", (LOST,),
    ),
    Metric(
        "ragsite_queue_waiting", G, Told.DATABASE, "Rows that a worker could take up now.", (QUEUE, JOB),
    ),
    Metric(
        "ragsite_queue_oldest_seconds", G, Told.DATABASE,
        "For how long the first of them could have been taken up; 0 where nothing waits.", (QUEUE, JOB),
    ),
    Metric("ragsite_queue_running", G, Told.DATABASE, "Rows that a worker holds.", (QUEUE, JOB)),
    Metric("ragsite_queue_workers", G, Told.DATABASE, "Workers that listen, by their own word.", (QUEUE,)),
    Metric(
        "ragsite_scheduled_job_age_seconds", G, Told.DATABASE, "Since when a job of the clock has not ended well.",
        (JOB,),
    ),
    Metric(
        "ragsite_scheduled_job_failing", G, Told.DATABASE, "Whether a job of the clock failed when it ran last: 1 or 0.",
        (JOB,),
    ),
    Metric(
        "ragsite_health_state", G, Told.DATABASE,
        "How a deep check found its part: 0 fine, 1 works in part, 2 does not work; of several the worst.", (CHECK,),
    ),
    Metric(
        "ragsite_webhook_deliveries_total", C, Told.WORKER, "Tries to tell webhooks of events, by what came of them.",
        (OUTCOME,),
    ),
    Metric(
        "ragsite_consumer_lag", G, Told.ANY, "Messages of Kafka that a consumer of ours was to take and has not yet.",
        (CONSUMER,),
    ),
    Metric(
        "ragsite_consumer_events_total", C, Told.ANY, "Messages that a consumer has read, by what came of them.",
        (CONSUMER, TAKEN),
    ),
    Metric("ragsite_alerts_open", G, Told.DATABASE, "Alerts that are open.", (SEVERITY,)),
    Metric("ragsite_outbox_waiting", G, Told.DATABASE, "Events that were not sent yet."),
    Metric("ragsite_outbox_oldest_seconds", G, Told.DATABASE, "The age of the first of them; 0 where none waits."),
    Metric("ragsite_outbox_failing", G, Told.DATABASE, "Those of them that the broker refused at least once."),
    Metric("ragsite_reading_ok", G, Told.ANY, "Whether what is read for a scrape could be read: 1 or 0.", (SOURCE,)),
)  # fmt: skip


def metric_named(name: str) -> Metric:
    """The row of that name.

    Raises:
        LookupError: there is none.
    """
    found = next((one for one in METRICS if one.name == name), None)
    if found is None:
        raise LookupError(f"{name!r} is not among the metrics of ragsite/core/metrics/declared.py")
    return found
