"""What can go wrong, one row each: what has to hold, who sees what, and what shows it. docs/reliability.md is made of this table.

python -m tests.faults.matrix        writes the table into the page
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- the table of tests/faults/matrix.py -->", "<!-- end of the table -->"


class Runs(StrEnum):
    """When a row is shown."""

    ALWAYS = "every run of the tests"
    NIGHTLY = "each night"
    ASKED = "when asked for"


@dataclass(frozen=True, slots=True)
class Row:
    """`shown_by` names tests as pytest does, and modules of benchmarks. `measured` is of one run, empty where there was none."""

    id: str
    fault: str
    holds: str
    seen: str
    shown_by: tuple[str, ...]
    runs: Runs = Runs.ALWAYS
    measured: str = ""


FLOWS, WORKERS, GATEWAY, FAULTS = "tests/flows", "tests/workers", "tests/ragsite/gateway", "tests/faults"
SEARCH, INDEX, ENGINE = "tests/apps/retrieval/search", "tests/apps/retrieval/index", "tests/apps/models/engine"
CALLS, DOORS, REPORTS = "tests/apps/models/gateway", "tests/apps/retrieval/doors", "tests/apps/monitoring/analytics"
NOBODY = "nobody: work takes longer"

ROWS = (
    # Workers
    Row("C-01", "processes of workers killed every 2 s while 300 documents come in, Redis emptied twice",
        "all indexed, no chunk twice, at most 3 starts", NOBODY,
        (f"{FLOWS}/test_chaos.py::test_no_document_is_lost_and_none_is_indexed_twice_while_workers_are_killed_and_redis_is_emptied",)),
    Row("C-02", "a worker killed in the middle of a step, another one idle", "the other takes over, done once", NOBODY,
        (f"{FAULTS}/test_workers.py::test_work_whose_worker_is_gone_is_taken_over_and_done_once",), Runs.NIGHTLY,
        "taken over after 38 s at load 15 (a lease is 12 s, a sweep every 10 s)"),
    Row("C-02b", "the same, frozen (SIGSTOP) and thawed when the other is done", "the one that was frozen writes nothing", NOBODY,
        (f"{FAULTS}/test_workers.py::test_work_whose_worker_is_gone_is_taken_over_and_done_once",), Runs.NIGHTLY,
        "taken over after 22 s"),
    Row("C-03", "work that lasts longer than its lease or its delivery", "one effect; whoever lost the lease writes nothing", NOBODY,
        (f"{WORKERS}/test_heart.py::test_work_that_keeps_its_interpreter_for_longer_than_a_lease_loses_no_lease",
         f"{WORKERS}/test_running.py::test_a_worker_that_lost_its_lease_writes_nothing",
         f"{WORKERS}/test_tasks.py::test_a_scheduled_job_never_runs_twice_side_by_side")),
    Row("C-04", "a document that kills the process that parses it, among 50", "given up after 3 starts, the others are indexed",
        "its page says `too_many_attempts`, with the last reason",
        (f"{FLOWS}/test_poison.py::test_a_file_that_kills_its_worker_is_given_up_after_three_deaths_and_a_retry_ends_ready_once_the_cause_is_mended",)),
    Row("C-05", "a document that kills the whole worker", "at most 3 deaths", "as C-04",
        (f"{FLOWS}/test_poison.py::test_a_file_that_kills_its_worker_is_given_up_after_three_deaths_and_a_retry_ends_ready_once_the_cause_is_mended",
         f"{WORKERS}/test_running.py::test_work_that_kills_its_worker_is_given_up_after_the_attempts")),
    Row("C-10", "all workers told to stop in turn during 120 documents", "nothing is cut off, each ends within 30 s", NOBODY,
        (f"{FLOWS}/test_ingestion.py::test_workers_that_are_stopped_in_turn_finish_what_they_hold_and_lose_nothing",)),
    Row("C-11", "a process killed at 30 moments around its commits", "no row without its event, no event without its row", "nobody",
        (f"{FLOWS}/test_commits.py::test_no_row_is_without_its_event_and_no_event_without_its_row_though_each_process_is_killed",)),
    Row("C-13", "a worker started with a pool that cannot keep its limits", "it does not start", "whoever starts it, in one line",
        (f"{WORKERS}/test_process.py::test_a_worker_refuses_a_pool_that_cannot_keep_its_queues_limits",)),
    Row("C-14", "what must not cross a fork: models, pools, producers",
        "models run in threads and are loaded after the start; only the web process pools", "nobody",
        (f"{WORKERS}/test_jobs.py::test_hostile_files_are_parsed_where_a_hard_limit_holds_and_models_run_in_threads",
         "tests/project/test_layers.py::test_a_web_process_runs_on_what_its_image_has_without_any_model_library",
         "tests/ragsite/core/test_database.py::test_a_worker_keeps_the_connection_that_it_releases_and_notices_when_it_broke_meanwhile")),
    Row("C-15", "a model worker killed under load", "questions in its hands cost their deadline at most; it loads its models once",
        "answers say `degraded`",
        (f"{FLOWS}/test_models.py::test_a_model_worker_that_is_killed_under_load_costs_nobody_more_than_a_deadline_and_its_download_goes_on",
         f"{ENGINE}/test_resources.py::test_a_model_is_loaded_once_though_eight_threads_ask_at_once")),
    Row("C-16", "bulk work in front of a question", "the question waits for one batch at most", NOBODY,
        (f"{ENGINE}/test_batching.py::test_an_interactive_request_waits_for_one_bulk_batch_at_most",
         f"{ENGINE}/generation/test_runner.py::test_people_who_wait_go_before_bulk_work")),
    Row("C-18", "two beats, the one that leads ends", "one rings, the other goes on", "nobody",
        (f"{WORKERS}/test_beat.py::test_of_two_beats_one_leads_and_the_other_takes_over_when_it_is_gone",)),
    Row("C-19", "files that need more memory than a worker may take; thousands of documents",
        "the file fails in words; memory after 2,000 documents is 1.01 of that after 200", "the file's page",
        (f"{WORKERS}/test_process.py::test_a_child_that_parses_has_a_bound_of_memory_and_leaves_no_core",
         "benchmarks.ingestion")),
    # Redis
    Row("C-06", "Redis killed 10 times under 20 uploads a second, then emptied", "nothing lost", NOBODY,
        (f"{FAULTS}/test_redis.py::test_redis_that_is_killed_ten_times_and_then_emptied_loses_nothing",), Runs.NIGHTLY,
        "306 accepted in a minute of kills, all ready 35 s after the last; 1 start each; slowest upload 0.7 s"),
    Row("C-07", "Redis killed 20 times with work in flight", "no worker ends", NOBODY,
        (f"{FAULTS}/test_redis.py::test_no_worker_ends_when_redis_is_killed_twenty_times_with_work_in_flight",
         f"{WORKERS}/test_guard.py::test_a_channel_without_a_connection_says_so_as_a_connection_error"), Runs.NIGHTLY,
        "401 documents; working again after 9 s on average, 28 s at most at load 25; no worker ended"),
    Row("C-08", "Redis frozen for 20 s", "uploads are accepted, searches go by words", "searches and answers say `degraded`",
        (f"{FAULTS}/test_redis.py::test_a_redis_that_is_frozen_keeps_nobody_from_uploading_and_work_goes_on_afterwards",
         f"{FLOWS}/test_frozen_servers.py::test_while_redis_is_frozen_uploads_are_taken_without_waiting_and_searches_go_by_words_within_their_deadline"),
        Runs.NIGHTLY,
        "slowest upload 1.4 s, slowest search 6.4 s; working again 6 s after the thaw"),
    Row("C-09", "connections to Redis dead without a word, through a proxy", "noticed and made anew", "searches meanwhile say `degraded`",
        (f"{FAULTS}/test_network.py::test_connections_to_redis_that_are_dead_without_a_word_are_noticed_and_made_anew",), Runs.NIGHTLY,
        "on two cores that other work kept busy (load 5 to 9): the next document was ready after 0.4 s, 87 of 87 indexed, slowest upload 1.7 s; 21 of 29 searches `degraded`, the slowest took 11 s; no worker ended"),
    Row("C-12", "Redis full (`noeviction`) for 15 s", "uploads are accepted, no key goes, no worker ends", "searches say `degraded`",
        (f"{FAULTS}/test_redis.py::test_a_redis_that_is_full_refuses_rings_evicts_nothing_and_is_used_again_once_there_is_room",), Runs.NIGHTLY,
        "full for 15 s: slowest upload 6 s, searches by words; working again 1.3 s after there was room (93 s, and each worker ended once, before they were told to wait)"),
    Row("C-12b", "a Redis that evicts, as it must not be set up", "nothing lost: the sweep rings again", NOBODY,
        (f"{FAULTS}/test_redis.py::test_a_redis_that_evicts_what_was_rung_costs_time_and_no_document",), Runs.NIGHTLY,
        "20 keys evicted in 15 s, 27 documents indexed; a new document is ready after 4 s"),
    Row("C-17", "thousands of finished tasks", "Redis has no more keys than before", "nobody",
        (f"{FAULTS}/test_soak.py::test_nothing_is_lost_or_doubled_and_nothing_grows_while_something_breaks_all_the_time",), Runs.NIGHTLY,
        "20 keys before, 20 after 227 documents and 113 searches"),
    # PostgreSQL
    Row("C-45", "all connections to PostgreSQL cut 5 times under load", "trouble of 3 s at most, no worker ends, all is indexed",
        "503 `database_unavailable` with `Retry-After`",
        (f"{FAULTS}/test_postgresql.py::test_connections_that_are_cut_cost_seconds_and_no_worker",), Runs.NIGHTLY,
        "on two cores that other work kept busy (load 12 to 17): 189 connections cut, no accepted upload for 3.0 s and no answered search for 1.8 s at most; 201 of 201 indexed, no worker ended"),
    Row("C-45b", "PostgreSQL stopped, or killed, and started again 3 times under load", "nothing lost, no worker ends", "the same",
        (f"{FAULTS}/test_postgresql.py::test_a_server_that_is_started_again_under_load_finds_everybody_at_work",), Runs.NIGHTLY,
        "on two cores that other work kept busy (load 12 to 17). Stopped, back after 1.0 to 1.3 s: nobody served for 2.5 s at most, 97 of 97 indexed. Killed, back after 6 to 8 s: for 9.1 s at most, 94 of 94 indexed"),
    Row("C-45c", "PostgreSQL lost under load, its synchronous standby takes over", "nothing that was accepted is lost", "the same",
        (f"{FAULTS}/test_failover.py::test_the_server_that_followed_takes_over_and_nothing_that_was_accepted_is_lost",), Runs.NIGHTLY,
        "on two cores that other work kept busy (load 14 to 20): promoted after 0.3 s; 2.6 s at most without a success; work went on after 4 s; 202 of 202 indexed"),
    Row("C-45d", "a line to PostgreSQL that carries nothing for 15 s", "nothing lost, every request is answered", "the same",
        (f"{FAULTS}/test_network.py::test_a_line_to_postgresql_that_carries_nothing_for_a_while_refuses_in_words_and_loses_nothing",
         f"{FLOWS}/test_frozen_servers.py::test_while_postgresql_is_frozen_every_request_is_refused_in_time_and_soon_after_all_is_well"),
        Runs.NIGHTLY,
        "on two cores that other work kept busy (load 9 to 14): work went on 9 s after the line carried again, 116 of 116 indexed; 75 uploads and 17 searches were refused in words meanwhile, the slowest upload took 7.2 s"),
    Row("C-45e", "a network with 10 ms each way to PostgreSQL and Redis", "all as ever, slower", "everybody: times",
        (f"{FAULTS}/test_network.py::test_a_slow_network_makes_everything_slower_and_nothing_wrong",), Runs.NIGHTLY,
        "on two cores that other work kept busy (load 9 to 14): uploads 0.7 s, searches 0.6 s (medians), none `degraded`; 42 of 42 indexed"),
    Row("C-40", "tenants of very different size side by side", "each finds what an exact scan finds", "nobody",
        (f"{SEARCH}/test_dense.py::test_an_index_finds_what_brute_force_finds",
         f"{SEARCH}/test_dense.py::test_a_filter_that_leaves_few_rows_hides_none_of_them", "benchmarks.search")),
    Row("C-41", "one connection for tenants in turn", "each sees its own rows", "nobody",
        (f"{SEARCH}/test_rights.py::test_a_connection_that_alternates_between_tenants_shows_each_its_own",)),
    Row("C-42", "a PostgreSQL that cannot hold vectors", "the process is not ready", "`/health/ready`, the page of health",
        ("tests/apps/monitoring/test_health.py::test_a_database_that_cannot_hold_vectors_is_reported",)),
    Row("C-43", "random rights, callers and searches; the first wall switched off", "no row of others, none without a scope", "nobody",
        (f"{SEARCH}/test_rights.py::test_with_the_first_wall_switched_off_the_second_shows_the_same",
         f"{SEARCH}/test_dense.py::test_no_search_goes_without_a_scope",
         "tests/ragsite/core/test_database.py::test_the_application_is_no_owner_and_does_not_pass_row_security")),
    Row("C-44", "documents that come and go", "scores are those of brute force; vectors go with their chunks", "nobody",
        (f"{SEARCH}/test_lexical.py::test_scores_are_those_of_brute_force_whatever_came_and_went",
         f"{INDEX}/test_vectors_of_deleted_chunks.py::test_vectors_go_with_their_chunks_and_no_others")),
    Row("C-46", "a re-index while people search, its worker killed", "no search fails, results of one generation", "nobody",
        (f"{FLOWS}/test_reindexing.py::test_searches_go_on_through_a_re_index_while_documents_change_and_its_worker_is_killed",
         "tests/apps/retrieval/reindexing/test_switching.py::test_no_document_answers_without_its_vectors_while_generations_are_switched_to_and_fro")),
    Row("C-47", "a change of tables behind which everybody would wait", "it gives up; migrations that would do so are refused", "nobody",
        (f"{INDEX}/test_partitions.py::test_a_request_for_the_whole_table_gives_up_before_searches_wait_long",
         "tests/project/test_migrations.py::test_no_migration_since_the_last_release_is_against_the_rules",
         "tests/ragsite/core/test_migrating.py::"
         "test_a_migration_behind_a_reader_lets_others_by_says_who_it_is_and_comes_through")),
    Row("C-48", "a database of an older version", "migrated, every row and blob is there", "nobody",
        ("tests/ragsite/backups/test_restoring.py::test_a_backup_of_an_older_version_is_migrated",
         "tests/ragsite/backups/test_restoring.py::test_every_row_and_blob_is_there_and_a_passage_is_found")),
    # Events
    Row("C-20", "writers that commit in any order", "every event is published", "nobody",
        (f"{WORKERS}/test_relay_faults.py::test_a_broker_that_goes_and_comes_under_load_gets_every_change_once_and_in_order_per_key",
         "benchmarks.relay")),
    Row("C-21", "several relays, of which one dies", "the order of each key stays, no gap", "nobody",
        (f"{WORKERS}/test_relay.py::test_a_shard_is_served_by_one_relay_at_a_time",
         f"{WORKERS}/test_relay.py::test_a_relay_whose_session_dies_gives_up_its_shards_and_takes_them_again")),
    Row("C-22", "a transaction that stays open for 20 s", "99 of 100 events leave within 2 s", "nobody",
        (f"{FAULTS}/test_events.py::test_a_transaction_that_stays_open_delays_no_event_but_its_own",), Runs.NIGHTLY,
        "on two cores that other work kept busy (load 20): 109 events beside it, 99 of 100 within 0.6 s"),
    Row("C-23", "a relay or broker killed between delivery and its mark", "the event is told again under its id; its effect is one", "nobody",
        (f"{WORKERS}/test_relay_faults.py::test_a_broker_killed_under_load_again_and_again_has_afterwards_what_it_had_not_taken",
         f"{REPORTS}/test_reports.py::test_a_repeat_counts_once_whichever_way_it_comes_and_however_often")),
    Row("C-24", "consumers of one group killed every 2 s while members come and go", "no event missing, none counted twice", "nobody",
        ("benchmarks.analytics",), Runs.ASKED,
        "20 kills, 60,000 events more: 0 rows missing, 0 double; whole 18 s after the last kill"),
    Row("C-25", "Kafka down for 45 s under load (the matrix: 2 min)", "uploads and searches as before, the outbox empties within 60 s", "nobody",
        (f"{FAULTS}/test_events.py::test_while_kafka_is_down_nobody_notices_and_afterwards_all_that_happened_is_told_once",
         f"{WORKERS}/test_relay.py::test_an_event_that_the_broker_never_takes_is_a_dead_letter_with_its_reason_and_can_be_sent_again",
         f"{WORKERS}/test_relay_faults.py::test_errors_that_pass_lose_nothing_double_nothing_and_keep_the_order"), Runs.NIGHTLY,
        "on two cores that other work kept busy (load 20): 421 events waited, all were sent 2.3 s after the broker was back; 342 of 342 indexed. 95 of 100 searches within 2.4 s meanwhile and 2.6 s before, uploads within 0.6 s and 1.2 s"),
    Row("C-26", "ClickHouse's engine killed in the middle of inserts", "totals are those of PostgreSQL", "nobody",
        (f"{REPORTS}/test_owner.py::test_killed_in_the_middle_of_inserts_all_counts_are_equal", "benchmarks.analytics")),
    Row("C-27", "the consumer for reports frozen for 45 s (the matrix: 10 min)", "nothing else degrades; it catches up", "reports are late",
        (f"{FAULTS}/test_events.py::test_a_consumer_for_reports_that_is_frozen_catches_up_and_keeps_nobody_waiting",), Runs.NIGHTLY,
        "on two cores that other work kept busy (load 20 to 28): 28 s after the thaw it had taken all; 210 of 210 indexed, nobody was refused"),
    Row("C-28", "events with fields that are new, and of types that nobody knows", "taken, or laid aside with the reason", "the page of events",
        (f"{REPORTS}/test_consuming.py::test_all_that_fits_is_kept_what_never_fits_is_laid_aside_and_what_is_away_is_waited_for",)),
    # Requests
    Row("C-29", "a stage that fails", "no chunk or vector is left, a retry ends ready", "the version's page, with the reason",
        (f"{WORKERS}/test_running.py::test_a_failure_at_any_stage_leaves_no_chunk_and_a_retry_ends_ready",)),
    Row("C-30", "50 requests with one idempotency key at once", "one effect, one answer", "409, or the same answer",
        (f"{GATEWAY}/test_idempotency.py::test_fifty_parallel_requests_with_one_key_take_effect_once",)),
    Row("C-31", "a key of another request", "no effect", "422",
        (f"{GATEWAY}/test_idempotency.py::test_a_key_of_another_request_is_refused_and_nothing_happens",)),
    Row("C-32", "the web process killed between effect and answer", "one effect, the repeat is answered", "a connection that breaks",
        (f"{FLOWS}/test_doors.py::test_uploads_under_a_key_take_effect_once_though_the_web_process_is_killed_on_the_way",
         f"{GATEWAY}/test_idempotency.py::test_a_process_killed_between_effect_and_answer_holds_the_key_only_until_its_lease_ends")),
    Row("C-33", "a key after a day, or of another tenant", "a new effect", "nobody",
        (f"{GATEWAY}/test_idempotency.py::test_after_a_day_the_key_is_free",
         f"{GATEWAY}/test_idempotency.py::test_two_tenants_may_use_one_key")),
    Row("C-34", "ten times as many searches as can be served", "80 % of the best rate are served, the others are told when to come back",
        "429 or 503 with `Retry-After`", ("benchmarks.load", "benchmarks.gateway"), Runs.ASKED,
        "0.70 to 1.28 of the best rate served, in four runs; 11,198 to 16,130 refused, p95 205 to 1,144 ms; 0 errors"),
    Row("C-35", "a language model that hangs, fails or is silent", "the breaker opens, one probe at a time, another answer instead",
        "the answer says `degraded`",
        (f"{CALLS}/test_breaker.py::test_it_opens_after_consecutive_failures_and_then_calls_nothing",
         f"{CALLS}/test_breaker.py::test_half_open_exactly_one_of_eight_threads_gets_through",
         f"{CALLS}/test_http.py::test_a_server_that_hangs_is_left_at_the_deadline",
         f"{DOORS}/test_degraded.py::test_without_a_model_an_answer_is_made_by_words_and_says_so_then_and_later")),
    Row("C-36", "a deadline that passes, a client that leaves", "work is given up", "504, or an answer by words",
        (f"{CALLS}/test_streams.py::test_the_deadline_ends_a_text_whose_worker_goes_on",
         f"{ENGINE}/test_batching.py::test_the_rest_of_a_long_request_is_dropped_at_its_deadline",
         f"{GATEWAY}/test_admission_running.py::test_work_for_a_client_that_left_is_given_up")),
    Row("C-37", "a thousand pieces of work that fail together", "tries are bounded, and spread", "each version's page",
        ("tests/ragsite/core/test_leases.py::test_a_thousand_that_failed_together_do_not_come_back_together",
         f"{CALLS}/test_breaker.py::test_it_opens_after_consecutive_failures_and_then_calls_nothing")),
    Row("C-38", "uploads that saturate the workers", "searches are answered, slower", "everybody: times", ("benchmarks.questions",), Runs.ASKED,
        "p95 of searches 2.4 times that of the idle system, on 2 cores: the matrix's 1.3 is not kept where all share them"),
    Row("C-39", "a disk that is full, for uploads, PostgreSQL and Redis' file", "refused in words, no damage, all goes on once there is room",
        "503, 507 or `degraded`",
        (f"{FAULTS}/test_disk.py::test_a_store_that_is_full_refuses_uploads_in_words_and_takes_them_once_there_is_room",
         f"{FAULTS}/test_disk.py::test_a_postgresql_whose_disk_is_full_refuses_in_words_and_has_all_that_was_accepted",
         f"{FAULTS}/test_disk.py::test_a_redis_whose_disk_is_full_loses_nothing_that_was_accepted"), Runs.NIGHTLY,
        "full for 12 s each, nothing lost, no worker ended. Uploads: 507 `storage_full`, and taken as soon as there was room. PostgreSQL: `database_full`, then `database_unavailable` while the server ends and comes back; served again 8 s after there was room. Redis: nobody was refused"),
    Row("C-49", "clocks of workers five minutes ahead or behind", "leases go by the database's clock: nothing runs twice",
        "searches say `degraded`: calls of models carry a moment",
        (f"{FAULTS}/test_clock.py::test_workers_whose_clocks_jump_run_nothing_twice",
         f"{GATEWAY}/test_tokens.py::test_clocks_may_differ_by_half_a_minute"), Runs.NIGHTLY,
        "on two cores that other work kept busy (load 8 to 22): eight jumps of five minutes in 40 s, 260 of 260 indexed in one start each; work went on 13 s after the clocks were right again at the latest; 39 of 86 searches `degraded`"),
    Row("C-50", "requests that the document of the API allows, and others", "no answer that it does not name", "nobody",
        ("tests/ragsite/test_contract.py::test_every_answer_is_one_that_the_document_names",)),
    Row("C-51", "uploads and searches, and every 20 s something that breaks", "nothing lost or twice, memory and Redis do not grow",
        "503 for seconds, `degraded`",
        (f"{FAULTS}/test_soak.py::test_nothing_is_lost_or_doubled_and_nothing_grows_while_something_breaks_all_the_time",), Runs.NIGHTLY,
        "4.5 min, 12 faults: 227 uploads and 113 searches, none refused; 70 searches `degraded`; all indexed 41 s after the end; memory of the web process 1.02 times"),
    # Beside the matrix
    Row("M-1", "a model's folder changed under way", "what is loaded goes on; the changed files are not loaded", "the model's page, health",
        (f"{ENGINE}/test_embedding.py::test_tampered_weights_are_not_loaded",
         f"{ENGINE}/generation/test_engine.py::test_changed_weights_are_refused",
         "tests/apps/models/services/test_pulling.py::test_a_check_finds_a_changed_file_which_is_not_used_until_it_is_back")),
    Row("M-2", "a restore interrupted in the middle, a backup damaged", "it goes on where it was; a damaged one writes nothing", "the command",
        ("tests/ragsite/backups/test_restoring.py::test_an_interrupted_restore_goes_on",
         "tests/ragsite/backups/test_restoring.py::test_a_damaged_blob_is_named_and_nothing_is_restored")),
    Row("M-3", "a backup restored that was made in the middle of work", "workers finish it, nothing lost or there twice", "nobody",
        ("tests/ragsite/backups/test_restoring.py::test_workers_finish_what_was_under_way_and_nothing_is_lost_or_there_twice",)),
)  # fmt: skip


def table() -> str:
    """The rows in Markdown."""
    head = ("", "fault", "what holds", "who sees what", "measured", "shown by", "runs")
    lines = [head, ("---",) * len(head), *(_cells(row) for row in ROWS)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(row: Row) -> tuple[str, ...]:
    shown = "<br>".join(f"`{_short(name)}`" for name in row.shown_by)
    return (row.id, row.fault, row.holds, row.seen, row.measured or _unmeasured(row), shown, row.runs)


def _short(name: str) -> str:
    """A test by its file alone: its name is a sentence that says what the row says."""
    return f"python -m {name}" if name.startswith("benchmarks") else name.partition("::")[0]


def _unmeasured(row: Row) -> str:
    return "" if row.runs is Runs.ALWAYS else "not run"


def page_filled(text: str) -> str:
    """The page with the table in its place."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page_filled(PAGE.read_text()))
