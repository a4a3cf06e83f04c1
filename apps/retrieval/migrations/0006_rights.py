"""Whose question an answer was given to, and the policies of vectors and of the lexical index.

A policy on the parent table holds for whoever reads through the parent; the reader has no right on a partition itself, also
not on one made later. Vectors, segments and postings are seen by tenant: which documents may be read decides where their
text is. Postings are written by COPY, which a table with policies refuses. So the reader has no right on their table, and
reads them by a function that asks for the tenant; nor has it one on what says which version lies in which segment.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from ragsite.core.row_security import closed_to_public, for_reader, protected

GENERATIONS = """
CREATE FUNCTION ragsite_generations() RETURNS SETOF bigint
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp ROWS 100 AS $$
    SELECT i.id FROM retrieval_indexgeneration i JOIN documents_knowledgebase kb ON kb.id = i.knowledge_base_id
    WHERE kb.tenant_id = nullif(current_setting('ragsite.tenant', true), '')::uuid AND kb.deleted_at IS NULL
$$;
"""
KNOWLEDGE_BASES = """
CREATE FUNCTION ragsite_knowledge_bases_of_tenant() RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp ROWS 100 AS $$
    SELECT kb.id FROM documents_knowledgebase kb
    WHERE kb.tenant_id = nullif(current_setting('ragsite.tenant', true), '')::uuid AND kb.deleted_at IS NULL
$$;
"""
SEGMENT = "knowledge_base_id IN (SELECT kb FROM ragsite_knowledge_bases_of_tenant() kb)"
POSTINGS = """
CREATE FUNCTION ragsite_lexical_postings(knowledge_base uuid, key text, terms text[])
RETURNS TABLE (segment_id bigint, term text, ordinals bytea, frequencies bytea)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp
-- A plan that a connection made while the tables were small would be kept as they grow.
SET plan_cache_mode = force_custom_plan AS $$
    SELECT p.segment_id, p.term, p.ordinals, p.frequencies
    FROM retrieval_lexicalsegment s JOIN retrieval_lexicalposting p ON p.segment_id = s.id
    WHERE s.knowledge_base_id = knowledge_base AND s.chunking_key = key AND p.term = ANY (terms)
      AND s.knowledge_base_id IN (SELECT kb FROM ragsite_knowledge_bases_of_tenant() kb)
$$;
"""
EMBEDDING = "generation_id IN (SELECT g FROM ragsite_generations() g)"
FOR_READER = (
    "ragsite_generations()",
    "ragsite_knowledge_bases_of_tenant()",
    "ragsite_lexical_postings(uuid, text, text[])",
)
FUNCTIONS = (
    "retrieval_partition_create(bigint, integer)",
    "retrieval_partition_index(bigint, integer)",
    "retrieval_partition_drop(bigint)",
)
COUNT_CITATIONS = """
    UPDATE retrieval_answer a
    SET citation_count = (SELECT count(*) FROM retrieval_citation c WHERE c.answer_id = a.id)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0003_members'),
        ('documents', '0006_rights'),
        ('retrieval', '0005_evaluation'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='answer',
            name='citation_count',
            field=models.PositiveIntegerField(db_default=0, default=0, help_text='As it was given; a purge takes citations away.'),
        ),
        migrations.AddField(
            model_name='query',
            name='api_key',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='gateway.apikey'),
        ),
        migrations.AddField(
            model_name='query',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.RunSQL(COUNT_CITATIONS, migrations.RunSQL.noop),
        migrations.RunSQL(GENERATIONS, 'DROP FUNCTION ragsite_generations()'),
        migrations.RunSQL(KNOWLEDGE_BASES, 'DROP FUNCTION ragsite_knowledge_bases_of_tenant()'),
        migrations.RunSQL(POSTINGS, 'DROP FUNCTION ragsite_lexical_postings(uuid, text, text[])'),
        for_reader(FOR_READER),
        protected('retrieval_embedding', visible=EMBEDDING),
        protected('retrieval_lexicalsegment', visible=SEGMENT),
        closed_to_public(FUNCTIONS, clients_of='retrieval_embedding'),
    ]
