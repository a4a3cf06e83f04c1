"""What a test committed is deleted after it.

Django's own `flush` truncates every table, full or not, with the partitions of all tests before, and makes all permissions anew.
"""

from __future__ import annotations

import os
from typing import Any

import psycopg
from django.db import connection


def emptying_allowed() -> None:
    """Let the application's role empty tables between tests."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner:
        owner.execute(_ALLOWED)


def tables_empty(_test: Any) -> None:
    """Takes the place of `TransactionTestCase._fixture_teardown`: no row is left but Django's own, and no partition."""
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY)


_ALLOWED = """
GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO ragsite_app;
REVOKE TRUNCATE ON core_auditentry, core_auditseal, core_auditcheckpoint FROM ragsite_app;
CREATE OR REPLACE FUNCTION audit_empty() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM set_config('ragsite.audit_pruning', 'on', true);
    DELETE FROM core_auditentry;
    DELETE FROM core_auditseal;
    DELETE FROM core_auditcheckpoint;
    PERFORM set_config('ragsite.audit_pruning', '', true);
END $$;
"""
"""With the owner's function by which tests empty the audit log, whose rows nobody else may remove."""

# Versions of models go before models, whose constraint is not deferred, and marks last, as triggers of other tables make some.
_EMPTY = """
DO $$
DECLARE
    one text;
BEGIN
    FOR one IN SELECT substring(inhrelid::regclass::text FROM '[0-9]+$') FROM pg_inherits
               WHERE inhparent = 'retrieval_embedding'::regclass LOOP
        BEGIN
            PERFORM retrieval_partition_drop(one::bigint);
        EXCEPTION WHEN lock_not_available THEN
            NULL;  -- Somebody still reads it; the next test's end drops it.
        END;
    END LOOP;
    PERFORM audit_empty();
    FOR one IN SELECT relname FROM pg_class
               WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
                 AND relname NOT IN ('auth_permission', 'django_content_type', 'django_migrations')
                 AND relname NOT IN ('core_auditentry', 'core_auditseal', 'core_auditcheckpoint')
               ORDER BY relname = 'retrieval_findablechange', relname <> 'model_registry_modelversion' LOOP
        EXECUTE format('DELETE FROM %I', one);
    END LOOP;
END $$
"""
