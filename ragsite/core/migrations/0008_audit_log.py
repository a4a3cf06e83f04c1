"""The audit log: entries, seals that chain them, where the chain begins, and what waits for its seal."""

import django.contrib.postgres.fields
import django.db.models.fields.json
import ragsite.core.bounds
import ragsite.core.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0007_bounds_valid'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditWaiting',
            fields=[
                ('entry_id', models.UUIDField(primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(null=True)),
            ],
            options={
                'db_table': 'core_auditwaiting',
            },
        ),
        migrations.CreateModel(
            name='AuditCheckpoint',
            fields=[
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(editable=False, null=True)),
                ('number', models.BigIntegerField(editable=False)),
                ('hash', models.BinaryField(max_length=32)),
                ('entries', models.BigIntegerField(editable=False)),
                ('until', models.DateTimeField(editable=False)),
                ('at', models.DateTimeField(editable=False)),
                ('key_id', models.CharField(editable=False, max_length=16)),
                ('mac', models.BinaryField(max_length=32)),
            ],
            options={
                'db_table': 'core_auditcheckpoint',
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('tenant_id', 'number'), name='audit_checkpoint_number', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(editable=False, null=True)),
                ('at', models.DateTimeField(editable=False)),
                ('action', models.CharField(editable=False, max_length=80)),
                ('actor_kind', models.CharField(editable=False, max_length=10)),
                ('actor_id', models.CharField(blank=True, editable=False, max_length=120)),
                ('actor_name', models.CharField(blank=True, editable=False, max_length=120)),
                ('door', models.CharField(editable=False, max_length=10)),
                ('request_id', models.CharField(blank=True, editable=False, max_length=128)),
                ('object_type', models.CharField(blank=True, editable=False, max_length=40)),
                ('object_id', models.CharField(blank=True, editable=False, max_length=120)),
                ('object_name', models.CharField(blank=True, editable=False, max_length=200)),
                ('outcome', models.CharField(choices=[('success', 'Done'), ('failure', 'Failed')], editable=False, max_length=10)),
                ('details', models.JSONField(editable=False)),
                ('commitments', models.JSONField(default=dict, editable=False)),
                ('salts', models.JSONField(default=dict, editable=False)),
                ('key_id', models.CharField(editable=False, max_length=16)),
                ('mac', models.BinaryField(max_length=32)),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit entries',
                'db_table': 'core_auditentry',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['tenant_id', 'id'], name='audit_of_tenant'), models.Index(fields=['action', 'id'], name='audit_of_action'), models.Index(fields=['actor_name', 'id'], name='audit_of_actor_name'), models.Index(fields=['actor_id', 'id'], name='audit_of_actor_id'), models.Index(condition=models.Q(('object_id', ''), _negated=True), fields=['object_id', 'id'], name='audit_of_object'), models.Index(condition=models.Q(('request_id', ''), _negated=True), fields=['request_id', 'id'], name='audit_of_request'), models.Index(django.db.models.fields.json.KeyTextTransform('knowledge_base_id', 'details'), models.F('id'), condition=models.Q(('details__has_key', 'knowledge_base_id')), name='audit_in_knowledge_base')],
                'constraints': [ragsite.core.bounds.BytesAtMost(field='details', most=4194304, name='audit_entry_details_bytes', size='column'), ragsite.core.bounds.BytesAtMost(field='commitments', most=4194304, name='audit_entry_commitments_bytes', size='column'), ragsite.core.bounds.BytesAtMost(field='salts', most=4194304, name='audit_entry_salts_bytes', size='column')],
            },
        ),
        migrations.CreateModel(
            name='AuditSeal',
            fields=[
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(editable=False, null=True)),
                ('number', models.BigIntegerField(editable=False)),
                ('entry_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), editable=False, size=None)),
                ('first_id', models.UUIDField(editable=False)),
                ('last_id', models.UUIDField(editable=False)),
                ('count', models.PositiveIntegerField(editable=False)),
                ('until', models.DateTimeField(editable=False)),
                ('sealed_at', models.DateTimeField(editable=False)),
                ('key_id', models.CharField(editable=False, max_length=16)),
                ('hash', models.BinaryField(max_length=32)),
            ],
            options={
                'db_table': 'core_auditseal',
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('tenant_id', 'number'), name='audit_seal_number', nulls_distinct=False), ragsite.core.bounds.BytesAtMost(field='entry_ids', most=4194304, name='audit_seal_entry_ids_bytes', size='column')],
            },
        ),
    ]
