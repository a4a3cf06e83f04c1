"""Whose question an answer was given to, and the policies of vectors.

A policy on the parent table holds for whoever reads through the parent; the reader has no right on a partition itself, also
not on one made later. Vectors are seen by tenant: which documents may be read decides where their text is.
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
EMBEDDING = "generation_id IN (SELECT g FROM ragsite_generations() g)"
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
        ('retrieval', '0002_embedding_partitions'),
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
        for_reader(['ragsite_generations()']),
        protected('retrieval_embedding', visible=EMBEDDING),
        closed_to_public(FUNCTIONS, clients_of='retrieval_embedding'),
    ]
