"""The document of each version in the lexical index, and which of its chunks do not count for who asks.

How rare a word is must not be told by documents that the caller can't see. The reader sees neither which version lies in which
segment nor what it may not read, so a function tells it which chunks are, or are not, to be counted: of a segment and language
the ordinals at which ranges begin, each with how many chunks it has, as big-endian integers of four bytes.

It asks what the policy of documents asks. Of a knowledge base that may be read all is counted but what is restricted and not
granted, and what was removed since: nobody can be asked any more who might read that. Of any other only what was granted.
"""

from django.db import migrations, models

from ragsite.core.row_security import closed_to_public, for_reader

TENANT = "nullif(current_setting('ragsite.tenant', true), '')::uuid"
USER = "nullif(current_setting('ragsite.user', true), '')::integer"
GROUPS = "coalesce(nullif(current_setting('ragsite.groups', true), ''), '{}')::integer[]"
API_KEY = "nullif(current_setting('ragsite.api_key', true), '')::uuid"
KNOWLEDGE_BASES = "coalesce(nullif(current_setting('ragsite.knowledge_bases', true), ''), '{}')::uuid[]"

DOCUMENTS = """
    UPDATE retrieval_lexicalversion l SET document_id = v.document_id
    FROM documents_documentversion v WHERE v.id = l.version_id
"""
REMOVED = """
CREATE FUNCTION ragsite_lexical_forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE retrieval_lexicalversion l SET document_id = NULL FROM removed WHERE l.document_id = removed.id;
    RETURN NULL;
END $$;
CREATE TRIGGER lexical_forget AFTER DELETE ON documents_document
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION ragsite_lexical_forget();
"""
REMOVED_BEFORE = """
DROP TRIGGER lexical_forget ON documents_document;
DROP FUNCTION ragsite_lexical_forget();
"""

GRANTED = f"""
    SELECT g.document_id FROM documents_grant g
    WHERE g.document_id IS NOT NULL AND g.tenant_id = {TENANT}
      AND (g.user_id = {USER} OR g.group_id = ANY ({GROUPS}) OR g.api_key_id = {API_KEY})
"""
RANGES = f"""
CREATE FUNCTION ragsite_lexical_ranges(knowledge_base uuid, key text)
RETURNS TABLE (segment_id bigint, language text, ranges bytea)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp
-- As for postings: what is readable and the size of the tables decide on the plan.
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    IF knowledge_base <> ALL ({KNOWLEDGE_BASES}) THEN
        RETURN QUERY
        SELECT l.segment_id, l.language, string_agg(int4send(l.first) || int4send(l.chunk_count), '')
        FROM documents_document d JOIN retrieval_lexicalversion l ON l.document_id = d.id
        WHERE d.knowledge_base_id = knowledge_base AND d.deleted_at IS NULL AND l.chunking_key = key
          AND knowledge_base IN (SELECT kb FROM ragsite_knowledge_bases_of_tenant() kb) AND d.id IN ({GRANTED})
        GROUP BY l.segment_id, l.language;
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM documents_document d WHERE d.knowledge_base_id = knowledge_base AND d.restricted) THEN
        RETURN QUERY
        SELECT l.segment_id, l.language, string_agg(int4send(l.first) || int4send(l.chunk_count), '')
        FROM documents_document d JOIN retrieval_lexicalversion l ON l.document_id = d.id
        WHERE d.knowledge_base_id = knowledge_base AND d.restricted AND l.chunking_key = key
          AND (d.deleted_at IS NOT NULL OR d.id NOT IN ({GRANTED}))
        GROUP BY l.segment_id, l.language;
    END IF;
    RETURN QUERY
    SELECT l.segment_id, l.language, string_agg(int4send(l.first) || int4send(l.chunk_count), '')
    FROM retrieval_lexicalsegment s JOIN retrieval_lexicalversion l ON l.segment_id = s.id
    WHERE s.knowledge_base_id = knowledge_base AND s.chunking_key = key AND l.document_id IS NULL
    GROUP BY l.segment_id, l.language;
END $$;
"""
FUNCTION = "ragsite_lexical_ranges(uuid, text)"


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0015_document_restricted'),
        ('retrieval', '0014_bounds_valid'),
    ]

    operations = [
        migrations.AddField(
            model_name='lexicalversion',
            name='document_id',
            field=models.UUIDField(null=True),
        ),
        migrations.RunSQL(DOCUMENTS, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='lexicalversion',
            index=models.Index(fields=['document_id'], name='lexical_version_document'),
        ),
        migrations.AddIndex(
            model_name='lexicalversion',
            index=models.Index(condition=models.Q(('document_id', None)), fields=['segment'], name='lexical_version_removed'),
        ),
        migrations.RunSQL(REMOVED, REMOVED_BEFORE),
        closed_to_public(['ragsite_lexical_forget()'], clients_of='retrieval_lexicalversion'),
        migrations.RunSQL(RANGES, f'DROP FUNCTION {FUNCTION}'),
        for_reader([FUNCTION]),
    ]
