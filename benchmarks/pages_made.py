"""What the admin's pages are asked about: rows by the hundred thousand, made by SQL as the owner."""
# ruff: noqa: S608 - the statements are made of their own constants

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from django.contrib.auth.models import Group, User

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import KnowledgeBase
from apps.models.models import ModelVersion
from apps.models.services.registry import bundled_model_path, model_register
from apps.retrieval.models import IndexGeneration
from benchmarks.acting import ACTOR
from benchmarks.place import say
from ragsite.gateway.keys import api_key_create
from ragsite.gateway.members import member_add
from ragsite.gateway.models import Membership, Permission, Role, Tenant

WIDTH = 8
"""Of the vectors, which no page looks at."""

ASIDE = 1_000
"""Documents of the second knowledge base, and of the second tenant's."""

MEMBERS = 200


@dataclass(frozen=True, slots=True)
class Made:
    """Whose pages are asked for, and what they are about."""

    base: KnowledgeBase
    users: dict[str, User]


def few_made(documents: int, *, chunks: int, questions: int) -> Made:
    """Everything once, with so many documents and questions in the first knowledge base."""
    model_register(source=bundled_model_path(), name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
    harbour, others = (Tenant.objects.create(name=name, slug=name.lower()) for name in ("Harbour", "Airport"))
    base, *aside = [
        base_made(tenant, name) for tenant, name in ((harbour, "Handbooks"), (harbour, "Minutes"), (others, "Manuals"))
    ]
    users = {
        "superuser": User.objects.create_superuser("root"),
        "owner": _member("olga", harbour, Role.OWNER),
        "reader": _member("rita", harbour, Role.READER),
    }
    board = Group.objects.create(name="Board")
    users["owner"].groups.add(board)
    api_key_create(tenant=harbour, name="reader", permissions=[Permission.QUERY], actor=ACTOR)
    people = User.objects.bulk_create(User(username=f"member{number}") for number in range(MEMBERS))
    Membership.objects.bulk_create(Membership(user=one, tenant=harbour, role=Role.READER) for one in people)
    made = Made(base, users)
    for one in aside:
        documents_made(one, 1, ASIDE, chunks=chunks, made=made)
    more_made(made, 0, documents, chunks=chunks, questions=questions)
    with _owner() as owner:
        for statement in _MEASURED:
            owner.execute(statement, {"base": base.pk})
    settled()
    return made


def more_made(made: Made, there: int, documents: int, *, chunks: int, questions: int) -> None:
    """So many documents in the first knowledge base where `there` are, and so many questions more."""
    say(f"{documents:,} documents …")
    documents_made(made.base, there + 1, documents, chunks=chunks, made=made)
    _told("ANALYZE")
    say(f"{questions:,} questions more …")
    questions_made(made.base, there + 1, questions, made=made)
    settled()


def questions_made(base: KnowledgeBase, first: int, questions: int, *, made: Made) -> None:
    """So many questions with answers and citations, numbered from `first`."""
    about = _about(base, made) | {"questions": questions, "first": first}
    with _owner() as owner:
        for statement in _QUESTIONS:
            owner.execute(statement, about)


def settled() -> None:
    """The tables as autovacuum leaves them some time later."""
    _told("VACUUM ANALYZE")


def _told(statement: str) -> None:
    with _owner() as owner:
        owner.execute(statement)


def _member(name: str, tenant: Tenant, role: Role) -> User:
    user = User.objects.create_user(name)
    member_add(user=user, tenant=tenant, role=role, actor=ACTOR)
    return user


def base_made(tenant: Tenant, name: str) -> KnowledgeBase:
    """A knowledge base of the tenant with a live index of a few numbers a vector."""
    base = KnowledgeBase.objects.create(tenant=tenant, name=name)
    chunking = ChunkingSettings.from_dict(base.chunking)
    generation = IndexGeneration.objects.create(
        knowledge_base=base, model_version=ModelVersion.objects.get(), chunking=chunking.to_dict(),
        chunking_key=chunking.key, dimensions=WIDTH, state="live",
    )  # fmt: skip
    with _owner() as owner:
        owner.execute("SELECT retrieval_partition_create(%s, %s)", [generation.pk, WIDTH])
    return base


def documents_made(base: KnowledgeBase, first: int, last: int, *, chunks: int, made: Made) -> None:
    """Documents of these numbers, with versions, texts, chunks, vectors, grants and events."""
    generation = base.generations.get()
    about = _about(base, made) | {"first": first, "last": last, "chunks": chunks, "partition": generation.partition}
    about |= {"generation": generation.pk, "key": generation.chunking_key}
    with _owner() as owner:
        for statement in _DOCUMENTS:
            owner.execute(statement, about)


def _about(base: KnowledgeBase, made: Made) -> dict[str, Any]:
    return {
        "tenant": base.tenant_id,
        "base": base.pk,
        "owner": made.users["owner"].pk,
        "reader": made.users["reader"].pk,
        "group": Group.objects.get().pk,
    }


@contextmanager
def _owner() -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(_MADE_ID)
        yield owner


_MADE_ID = """
    CREATE FUNCTION pg_temp.made_id(moment timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
        SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7'
                || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid
    $$;
    CREATE FUNCTION pg_temp.moment(number integer) RETURNS timestamptz LANGUAGE sql STABLE AS $$
        SELECT now() - make_interval(secs => 864000 * (1 - number * 7919::bigint % 100000 / 100000.0))
    $$
"""
"""Ids of version 7 as `new_id` makes them; documents and questions came over the last ten days."""

_NEW = "d.knowledge_base_id = %(base)s AND (d.metadata->>'number')::integer BETWEEN %(first)s AND %(last)s"
"""What a call adds. A document's number says the rest: every 100th failed, every 400th is under way, every 50th is restricted."""

_DOCUMENTS = [
    """
    INSERT INTO documents_document
        (id, tenant_id, knowledge_base_id, title, external_id, content_hash, metadata, chunking, restricted, tags, created_at)
    SELECT pg_temp.made_id(pg_temp.moment(n)), %(tenant)s, %(base)s,
           (ARRAY['Berth tariffs', 'Harbour rules', 'Tide tables', 'Crane manual', 'Safety drill', 'Pilot duties',
                  'Customs forms', 'Fuel contract'])[1 + n %% 8] || ' ' || 1970 + n %% 55 || ', '
           || (ARRAY['Zadar', 'Split', 'Pula', 'Rijeka', 'Vis'])[1 + n %% 5] || ' no. ' || n,
           'doc-' || n, md5(n::text) || md5('x' || n), jsonb_build_object('number', n), '{}', n %% 50 = 7,
           ARRAY['topic-' || n %% 20, 'year-' || 1970 + n %% 55], pg_temp.moment(n)
    FROM generate_series(%(first)s::integer, %(last)s::integer) n
    """,
    f"""
    INSERT INTO documents_documentversion
        (id, tenant_id, document_id, number, filename, document_type, content_hash, blob, size, status, retry_status, error_code,
         error, chunk_count, attempts, lease_owner, not_before, created_at, ready_at)
    SELECT pg_temp.made_id(d.created_at), d.tenant_id, d.id, number,
           lower(translate(d.title, ' ,.', '---')) || '.' || kind, kind, d.content_hash, d.tenant_id || '/' || gen_random_uuid(),
           20000 + n, status, '',
           CASE status WHEN 'failed' THEN (ARRAY['damaged_file', 'encrypted_file', 'too_slow', 'worker_died'])[1 + n / 100 %% 4]
                       ELSE '' END,
           CASE status WHEN 'failed' THEN 'It could not be read.' ELSE '' END,
           CASE status WHEN 'ready' THEN %(chunks)s ELSE 0 END, 1, '', d.created_at, d.created_at,
           CASE status WHEN 'ready' THEN d.created_at + interval '20 seconds' END
    FROM documents_document d
    CROSS JOIN LATERAL (SELECT (d.metadata->>'number')::integer AS n) numbered
    CROSS JOIN LATERAL generate_series(1, CASE WHEN n %% 20 = 1 AND n %% 3 = 0 THEN 2 ELSE 1 END) number
    CROSS JOIN LATERAL (SELECT (ARRAY['pdf', 'docx', 'html', 'markdown', 'text'])[1 + n %% 5] AS kind,
        CASE WHEN number = 1 AND n %% 20 = 1 AND n %% 3 = 0 THEN 'ready' WHEN n %% 100 = 1 THEN 'failed'
             WHEN n %% 400 = 2 THEN (ARRAY['uploaded', 'parsed', 'chunked'])[1 + n / 400 %% 3] ELSE 'ready' END AS status) stands
    WHERE {_NEW}
    """,
    f"""
    UPDATE documents_document d
    SET current_version_id = (SELECT v.id FROM documents_documentversion v
                              WHERE v.document_id = d.id AND v.status = 'ready' ORDER BY v.number DESC LIMIT 1)
    WHERE {_NEW}
    """,
    f"""
    INSERT INTO documents_stagerecord
        (version_id, stage, outcome, attempts, worker, error_code, error, started_at, finished_at)
    SELECT v.id, stage, CASE v.status WHEN 'failed' THEN 'failed' ELSE 'done' END, 1, 'parsing@host', v.error_code, v.error,
           v.created_at, v.created_at + interval '5 seconds'
    FROM documents_documentversion v JOIN documents_document d ON d.id = v.document_id
    CROSS JOIN unnest(ARRAY['parse', 'chunk', 'embed', 'activate']) stage
    WHERE {_NEW} AND (v.status = 'ready' OR v.status = 'failed' AND stage = 'parse')
    """,
    f"""
    INSERT INTO documents_parsedtext (version_id, text, sections, title, metadata, language, parser)
    SELECT v.id, repeat('The harbour master says where a ship lies, and what a berth costs a night. ', 5 * %(chunks)s), '[]',
           d.title, '{{}}', 'en', 'text'
    FROM documents_documentversion v JOIN documents_document d ON d.id = v.document_id
    WHERE {_NEW} AND v.status = 'ready'
    """,
    f"""
    INSERT INTO documents_chunk
        (version_id, chunking_key, ordinal, start, "end", text, table_header, content_hash, token_count, heading_path)
    SELECT v.id, %(key)s, n, n * 370, n * 370 + 369,
           repeat('The harbour master says where a ship lies, and what a berth costs a night. ', 5), '',
           decode(md5(v.id::text || n), 'hex'), 90, ARRAY['Harbour rules']
    FROM documents_documentversion v JOIN documents_document d ON d.id = v.document_id
    CROSS JOIN generate_series(0, %(chunks)s - 1) n
    WHERE {_NEW} AND v.status = 'ready'
    """,
    f"""
    INSERT INTO retrieval_embedding (generation_id, chunk_id, embedding)
    SELECT %(generation)s, c.id, '[1,2,3,4,5,6,7,8]'::halfvec
    FROM documents_chunk c JOIN documents_document d ON d.current_version_id = c.version_id
    WHERE {_NEW}
    """,
    f"""
    INSERT INTO documents_grant (id, tenant_id, document_id, user_id, group_id, granted_by)
    SELECT pg_temp.made_id(now()), d.tenant_id, d.id, CASE WHEN whom = 1 THEN %(reader)s END,
           CASE WHEN whom = 2 THEN %(group)s END, 'benchmark'
    FROM documents_document d CROSS JOIN generate_series(1, 2) whom
    WHERE {_NEW} AND d.restricted AND (d.metadata->>'number')::integer %% 4 = 3
    """,
    f"""
    INSERT INTO core_outboxevent
        (event_id, tenant_id, type, key, shard, payload, created_at, sent_at, attempts, not_before, error)
    SELECT pg_temp.made_id(d.created_at), d.tenant_id, type, d.id::text, 0, jsonb_build_object('title', d.title), d.created_at,
           d.created_at + interval '1 second', 1, d.created_at, ''
    FROM documents_document d CROSS JOIN unnest(ARRAY['document.created', 'document.updated']) type
    WHERE {_NEW}
    """,
]  # fmt: skip

_ASKED = "tenant_id = %(tenant)s AND (options->>'number')::integer BETWEEN %(first)s AND %(first)s + %(questions)s - 1"
"""Questions that a call adds; the owner asked one half and the reader the other, every tenth in a conversation of ten."""

_QUESTIONS = [
    """
    INSERT INTO retrieval_conversation
        (id, tenant_id, begun_by, user_id, title, knowledge_base_ids, turn_count, created_at, last_at)
    SELECT pg_temp.made_id(pg_temp.moment(n)), %(tenant)s, 'rita', %(reader)s, 'What does berth ' || n || ' cost?',
           jsonb_build_array(%(base)s::uuid), 1, pg_temp.moment(n), pg_temp.moment(n)
    FROM generate_series(%(first)s::integer, %(first)s + %(questions)s - 1, 10) n
    """,
    """
    INSERT INTO retrieval_query (id, tenant_id, asked_by, user_id, question, knowledge_base_ids, options, created_at)
    SELECT pg_temp.made_id(moment), %(tenant)s, (ARRAY['olga', 'rita'])[1 + n %% 2],
           (ARRAY[%(owner)s, %(reader)s]::integer[])[1 + n %% 2], 'What does berth ' || n || ' cost a night in Zadar?',
           jsonb_build_array(%(base)s::uuid), jsonb_build_object('number', n), moment
    FROM generate_series(%(first)s::integer, %(first)s + %(questions)s - 1) n
    CROSS JOIN LATERAL (SELECT now() - make_interval(secs => 864000 * random()) AS moment) asked
    """,
    f"""
    INSERT INTO retrieval_answer (id, query_id, text, found, generator, citation_count, milliseconds, passages, created_at)
    SELECT pg_temp.made_id(q.created_at), q.id, 'A berth costs 31 euros a night, electricity included. [1]', random() < 0.9,
           'extractive', 3, '{{"search": 40, "rerank": 120, "generate": 30}}',
           (SELECT coalesce(jsonb_agg(jsonb_build_object('version', v.id, 'start', 0, 'end', 74, 'score', 0.5,
                                                          'heading_path', '[]'::jsonb, 'place', null)), '[]')
            FROM (SELECT d.current_version_id AS id FROM documents_document d
                  WHERE d.knowledge_base_id = %(base)s AND d.current_version_id IS NOT NULL AND d.id > q.id
                  ORDER BY d.id LIMIT 5) v), q.created_at
    FROM retrieval_query q WHERE {_ASKED}
    """,
    f"""
    INSERT INTO retrieval_citation (answer_id, claim, version_id, start, "end", quote, heading_path, score)
    SELECT a.id, n - 1, (a.passages->(n - 1)->>'version')::uuid, 0, 74,
           'The harbour master says where a ship lies, and what a berth costs a night.', '["Harbour rules"]', 0.5
    FROM retrieval_answer a JOIN retrieval_query q ON q.id = a.query_id CROSS JOIN generate_series(1, 3) n
    WHERE {_ASKED} AND a.passages->(n - 1) IS NOT NULL
    """,
    f"""
    INSERT INTO retrieval_answerfeedback (id, answer_id, rating, comment, rated_by)
    SELECT pg_temp.made_id(q.created_at), a.id, CASE WHEN random() < 0.8 THEN 'up' ELSE 'down' END, 'That is it.', q.asked_by
    FROM retrieval_answer a JOIN retrieval_query q ON q.id = a.query_id
    WHERE {_ASKED} AND (q.options->>'number')::integer %% 20 = 3
    """,
]  # fmt: skip

_MEASURED = [
    """
    INSERT INTO retrieval_evaluationset (id, knowledge_base_id, name, description)
    SELECT gen_random_uuid(), %(base)s, 'Questions of guests', ''
    """,
    """
    INSERT INTO retrieval_evaluationquestion (id, evaluation_set_id, text, reference_answer, external_id)
    SELECT gen_random_uuid(), s.id, 'What does berth ' || n || ' cost?', '', n::text
    FROM retrieval_evaluationset s CROSS JOIN generate_series(1, 200) n
    """,
    """
    INSERT INTO retrieval_judgement (question_id, document_id, grade)
    SELECT q.id, d.id, 1 FROM retrieval_evaluationquestion q
    JOIN documents_document d ON d.knowledge_base_id = %(base)s AND d.external_id = 'doc-' || q.external_id
    """,
    """
    INSERT INTO retrieval_evaluationrun
        (id, evaluation_set_id, mode, rerank, k, depth, parameters, state, metrics, error, note, asked_by, attempts, lease_owner,
         finished_at)
    SELECT pg_temp.made_id(now() - make_interval(days => n)), s.id, 'hybrid', false, 10, 100, '{}', 'done',
           jsonb_build_object('queries', 200, 'ndcg@10', 0.8 + n / 100.0, 'mrr', 1), '', '', 'olga', 1, '', now()
    FROM retrieval_evaluationset s CROSS JOIN generate_series(1, 10) n
    """,
    """
    INSERT INTO retrieval_evaluationresult (run_id, question_id, text, ranking, metrics, milliseconds)
    SELECT r.id, q.id, q.text, '[]', '{"mrr": 1, "ndcg@10": 0.8}', 20
    FROM retrieval_evaluationrun r JOIN retrieval_evaluationquestion q ON q.evaluation_set_id = r.evaluation_set_id
    """,
]
