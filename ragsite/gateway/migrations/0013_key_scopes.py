"""The second wall knows of keys that are for named knowledge bases: nothing outside of these is seen with one, whatever was granted.

The two functions are those that the policies of documents ask: which knowledge bases may be read, and which ones are there. What a
key is for is asked of its row, and not of who says to be reading. A key without names is for all: no comparison with NULL holds.
"""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations

READABLE = """
CREATE OR REPLACE FUNCTION ragsite_knowledge_bases(tenant uuid, reader integer, groups integer[], key uuid) RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(array_agg(kb.id), '{{}}') FROM documents_knowledgebase kb
    WHERE kb.tenant_id = tenant AND kb.deleted_at IS NULL AND (kb.visibility = 'tenant' OR EXISTS (
        SELECT FROM documents_grant g
        WHERE g.knowledge_base_id = kb.id AND g.tenant_id = tenant
          AND (g.user_id = reader OR g.group_id = ANY (groups) OR g.api_key_id = key))){among}
$$;
"""
LIVING = """
CREATE OR REPLACE FUNCTION ragsite_knowledge_bases_living() RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp ROWS 100 AS $$
    SELECT kb.id FROM documents_knowledgebase kb
    WHERE kb.tenant_id = nullif(current_setting('ragsite.tenant', true), '')::uuid AND kb.deleted_at IS NULL{among}
$$;
"""
AMONG = " AND NOT EXISTS (SELECT FROM gateway_apikey k WHERE k.id = {key} AND kb.id <> ALL (k.knowledge_base_ids))"
KEY = "nullif(current_setting('ragsite.api_key', true), '')::uuid"


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('documents', '0011_deleting'),
        ('gateway', '0012_key_secrets'),
    ]

    operations = [
        ValidateConstraint(model_name='apikey', name='api_key_knowledge_base_ids_bytes'),
        migrations.RunSQL(READABLE.format(among=AMONG.format(key='key')), READABLE.format(among='')),
        migrations.RunSQL(LIVING.format(among=AMONG.format(key=KEY)), LIVING.format(among='')),
    ]
