"""Grants, and the policies of the tables that hold what documents say.

A policy takes nothing of the first wall's word but who reads: the settings `ragsite.tenant`, `ragsite.user`,
`ragsite.groups` and `ragsite.api_key`. From these `ragsite_knowledge_bases` tells `ragsite.knowledge_bases`, those that may be
read, once a transaction. Without the settings no row is seen.

Policies read each other's tables as little as can be: the planner copies them into one another at each mention. A chunk is
seen where its version is the current one of a document that is seen; the search's rule that older versions are not found
so stands behind the second wall, too.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
import ragsite.core.ids
from django.conf import settings
from django.db import migrations, models

from ragsite.core.row_security import closed_to_public, for_reader, protected, reader_ensured

TENANT = "nullif(current_setting('ragsite.tenant', true), '')::uuid"
USER = "nullif(current_setting('ragsite.user', true), '')::integer"
GROUPS = "coalesce(nullif(current_setting('ragsite.groups', true), ''), '{}')::integer[]"
API_KEY = "nullif(current_setting('ragsite.api_key', true), '')::uuid"
KNOWLEDGE_BASES = "coalesce(nullif(current_setting('ragsite.knowledge_bases', true), ''), '{}')::uuid[]"

MADE = """
CREATE FUNCTION ragsite_knowledge_bases(tenant uuid, reader integer, groups integer[], key uuid) RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(array_agg(kb.id), '{}') FROM documents_knowledgebase kb
    WHERE kb.tenant_id = tenant AND kb.deleted_at IS NULL AND (kb.visibility = 'tenant' OR EXISTS (
        SELECT FROM documents_grant g
        WHERE g.knowledge_base_id = kb.id AND g.tenant_id = tenant
          AND (g.user_id = reader OR g.group_id = ANY (groups) OR g.api_key_id = key)))
$$;
"""
FUNCTION = "ragsite_knowledge_bases(uuid, integer, integer[], uuid)"

# What is in parentheses after SELECT is computed once a statement and not once a row.
GRANT = f"""
    tenant_id = (SELECT {TENANT})
    AND (user_id = (SELECT {USER}) OR group_id = ANY ((SELECT {GROUPS})::integer[]) OR api_key_id = (SELECT {API_KEY}))
"""
DOCUMENT = f"""
    tenant_id = (SELECT {TENANT}) AND deleted_at IS NULL
    AND ((NOT restricted AND knowledge_base_id = ANY ((SELECT {KNOWLEDGE_BASES})::uuid[]))
         OR EXISTS (SELECT FROM documents_grant g WHERE g.document_id = documents_document.id))
"""
VERSION = "EXISTS (SELECT FROM documents_document d WHERE d.id = document_id)"
PARSED_TEXT = "EXISTS (SELECT FROM documents_documentversion v WHERE v.id = version_id)"
CHUNK = "EXISTS (SELECT FROM documents_document d WHERE d.current_version_id = version_id)"


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('documents', '0004_chunking_override'),
        ('gateway', '0003_members'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Grant',
            fields=[
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('granted_by', models.CharField(editable=False, max_length=120)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.AddField(
            model_name='document',
            name='restricted',
            field=models.BooleanField(db_default=False, default=False, help_text='Whether only a grant on the document itself lets it be read.'),
        ),
        migrations.AddField(
            model_name='knowledgebase',
            name='visibility',
            field=models.CharField(choices=[('tenant', 'Everybody of the tenant'), ('restricted', 'Only who has a grant')], db_default='tenant', default='tenant', help_text='Who may read its documents.', max_length=10),
        ),
        migrations.AddConstraint(
            model_name='knowledgebase',
            constraint=models.CheckConstraint(condition=models.Q(('visibility__in', ['tenant', 'restricted'])), name='knowledge_base_visibility_known'),
        ),
        migrations.AddField(
            model_name='grant',
            name='api_key',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='gateway.apikey'),
        ),
        migrations.AddField(
            model_name='grant',
            name='document',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='documents.document'),
        ),
        migrations.AddField(
            model_name='grant',
            name='group',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='auth.group'),
        ),
        migrations.AddField(
            model_name='grant',
            name='knowledge_base',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='documents.knowledgebase'),
        ),
        migrations.AddField(
            model_name='grant',
            name='tenant',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='gateway.tenant'),
        ),
        migrations.AddField(
            model_name='grant',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='grants', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='grant',
            constraint=models.CheckConstraint(condition=models.Q(('knowledge_base', None), ('document', None), _connector='XOR'), name='grant_on_one_thing'),
        ),
        migrations.AddConstraint(
            model_name='grant',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('user', None), ('group', None), ('api_key__isnull', False)), models.Q(('user', None), ('group__isnull', False), ('api_key', None)), models.Q(('user__isnull', False), ('group', None), ('api_key', None)), _connector='OR'), name='grant_to_one_subject'),
        ),
        migrations.AddConstraint(
            model_name='grant',
            constraint=models.UniqueConstraint(fields=('knowledge_base', 'document', 'user', 'group', 'api_key'), name='grant_once', nulls_distinct=False),
        ),
        reader_ensured(known_by='documents_document'),
        migrations.RunSQL(MADE, f'DROP FUNCTION {FUNCTION}'),
        closed_to_public([FUNCTION], clients_of='documents_document'),
        for_reader([FUNCTION]),
        protected('documents_grant', visible=GRANT),
        protected('documents_document', visible=DOCUMENT),
        protected('documents_documentversion', visible=VERSION),
        protected('documents_parsedtext', visible=PARSED_TEXT),
        protected('documents_chunk', visible=CHUNK),
    ]
