"""Deletions of knowledge bases as work with progress, an index by which deleted documents are found, and a policy to match.

A knowledge base is marked before its documents are, so the second wall must ask for the mark: what was granted by itself in a
deleted one is not seen. What was deleted earlier and is still there is taken over.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
import ragsite.core.ids
from django.db import migrations, models
from django.db.models import Count

from ragsite.core.row_security import closed_to_public, for_reader

LIVING = """
CREATE FUNCTION ragsite_knowledge_bases_living() RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp ROWS 100 AS $$
    SELECT kb.id FROM documents_knowledgebase kb
    WHERE kb.tenant_id = nullif(current_setting('ragsite.tenant', true), '')::uuid AND kb.deleted_at IS NULL
$$;
"""
FUNCTION = "ragsite_knowledge_bases_living()"

TENANT = "nullif(current_setting('ragsite.tenant', true), '')::uuid"
KNOWLEDGE_BASES = "coalesce(nullif(current_setting('ragsite.knowledge_bases', true), ''), '{}')::uuid[]"
POLICY = """
ALTER POLICY reading ON documents_document USING (
    tenant_id = (SELECT {tenant}) AND deleted_at IS NULL
    AND ((NOT restricted AND knowledge_base_id = ANY ((SELECT {knowledge_bases})::uuid[]))
         OR (EXISTS (SELECT FROM documents_grant g WHERE g.document_id = documents_document.id){living})))
"""
WITHOUT = POLICY.format(tenant=TENANT, knowledge_bases=KNOWLEDGE_BASES, living="")
WITH = POLICY.format(
    tenant=TENANT,
    knowledge_bases=KNOWLEDGE_BASES,
    living=f" AND knowledge_base_id IN (SELECT living FROM {FUNCTION} living)",
)


def earlier_taken_over(apps, schema_editor):
    alias = schema_editor.connection.alias
    bases = apps.get_model("documents", "KnowledgeBase").objects.using(alias)
    deletions = apps.get_model("documents", "KnowledgeBaseDeletion").objects.using(alias)
    left = bases.exclude(deleted_at=None).annotate(total=Count("documents")).filter(total__gt=0)
    for pk, total in left.values_list("pk", "total"):
        deletions.create(knowledge_base_id=pk, document_total=total, document_told=total)


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0010_version_tenant'),
    ]

    operations = [
        migrations.CreateModel(
            name='KnowledgeBaseDeletion',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='Starts of the present stage.')),
                ('lease_owner', models.CharField(blank=True, default='', editable=False, max_length=120)),
                ('lease_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='Earliest next start.')),
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('removing', 'Being removed'), ('done', 'Removed'), ('failed', 'Failed; it can be resumed')], default='removing', max_length=10)),
                ('document_total', models.PositiveIntegerField(help_text='Documents whose rows were there when it was deleted.')),
                ('document_told', models.PositiveIntegerField(default=0, help_text='Documents of which `document.deleted` was told.')),
                ('document_gone', models.PositiveIntegerField(default=0, help_text='Documents whose rows and files are removed.')),
                ('error', models.TextField(blank=True, default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('ended_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('knowledge_base', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='deletion', to='documents.knowledgebase')),
            ],
            options={
                'verbose_name': 'deletion of a knowledge base',
                'verbose_name_plural': 'deletions of knowledge bases',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('state', 'removing')), fields=['not_before', 'id'], name='deletion_work')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='failed_deletion_says_why')],
            },
        ),
        migrations.AddIndex(
            model_name='document',
            index=models.Index(condition=models.Q(('deleted_at__isnull', False)), fields=['deleted_at'], name='document_deleted'),
        ),
        migrations.RunPython(earlier_taken_over, migrations.RunPython.noop),
        migrations.RunSQL(LIVING, f'DROP FUNCTION {FUNCTION}'),
        closed_to_public([FUNCTION], clients_of='documents_document'),
        for_reader([FUNCTION]),
        migrations.RunSQL(WITH, WITHOUT),
    ]
