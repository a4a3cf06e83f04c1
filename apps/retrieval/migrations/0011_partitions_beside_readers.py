"""Partitions are made without a lock that a search waits for, and dropped by one that searches wait for a moment at most.

`CREATE TABLE … PARTITION OF` wants the parent for itself alone: a backup that reads the parent held it up, and every search queued
behind it. A plain table that is attached takes no more of the parent than readers and writers leave. It is made as the parent is, and is
empty, so that attaching it reads nothing. Both are one transaction: a plain table that nobody attached never stays.

There is no such way to drop a partition in a function, so it is asked for in a way that harms nobody: the partition
first, which no search of another generation touches, and then the parent for `lock_timeout` at most.
"""

from django.db import migrations

from ragsite.core.row_security import closed_to_public

CREATE = """
CREATE OR REPLACE FUNCTION retrieval_partition_create(generation bigint, dimensions integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    part text := format('retrieval_embedding_g%s', generation);
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE retrieval_embedding INCLUDING ALL, CHECK (vector_dims(embedding) = %s)) '
                   'WITH (autovacuum_vacuum_scale_factor = 0.02)', part, dimensions);
    EXECUTE format('ALTER TABLE %I ALTER COLUMN embedding SET STORAGE PLAIN', part);
    EXECUTE format('ALTER TABLE retrieval_embedding ATTACH PARTITION %I FOR VALUES IN (%s)', part, generation);
END $$;
"""
CREATE_BEFORE = """
CREATE OR REPLACE FUNCTION retrieval_partition_create(generation bigint, dimensions integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    part text := format('retrieval_embedding_g%s', generation);
BEGIN
    EXECUTE format('CREATE TABLE %I PARTITION OF retrieval_embedding (CHECK (vector_dims(embedding) = %s)) FOR VALUES IN (%s)',
                   part, dimensions, generation);
    EXECUTE format('ALTER TABLE %I SET (autovacuum_vacuum_scale_factor = 0.02)', part);
    EXECUTE format('ALTER TABLE %I ALTER COLUMN embedding SET STORAGE PLAIN', part);
END $$;
"""

# A vacuum that the server itself began lets go of the partition for somebody who has waited for a second (deadlock_timeout).
DROP = """
CREATE OR REPLACE FUNCTION retrieval_partition_drop(generation bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '1500ms' AS $$
DECLARE
    part text := format('retrieval_embedding_g%s', generation);
BEGIN
    IF to_regclass(part) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', part);
    PERFORM set_config('lock_timeout', '50ms', true);
    EXECUTE format('DROP TABLE %I', part);
EXCEPTION WHEN undefined_table THEN
    -- Somebody else has dropped it while its lock was waited for.
    RETURN;
END $$;
"""
DROP_BEFORE = """
CREATE OR REPLACE FUNCTION retrieval_partition_drop(generation bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I', format('retrieval_embedding_g%s', generation));
END $$;
"""

# The owner sees in full what runs as the owner, such as a backup; of other roles' sessions only whose they are.
HOLDER = """
CREATE FUNCTION retrieval_partition_holder(generation bigint)
RETURNS TABLE (process integer, role text, application text, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.pid, a.usename::text, coalesce(a.application_name, ''), a.xact_start
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.granted AND a.pid <> pg_backend_pid()
      AND to_regclass(format('retrieval_embedding_g%s', generation)) IS NOT NULL
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND l.relation IN ('retrieval_embedding'::regclass, to_regclass(format('retrieval_embedding_g%s', generation)))
      AND (a.usename <> session_user OR a.xact_start < clock_timestamp() - interval '10 s')
    ORDER BY a.xact_start
    LIMIT 1
$$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('retrieval', '0010_vectors_of_deleted_chunks'),
    ]

    operations = [
        migrations.RunSQL(CREATE, CREATE_BEFORE),
        migrations.RunSQL(DROP, DROP_BEFORE),
        migrations.RunSQL(HOLDER, 'DROP FUNCTION retrieval_partition_holder(bigint)'),
        closed_to_public(['retrieval_partition_holder(bigint)'], clients_of='retrieval_embedding'),
    ]
