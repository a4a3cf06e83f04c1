"""Versions that are being downloaded, what is known of a version's files, and the work on them.

Whatever was registered so far had its files checked, so it is ready.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
import ragsite.core.bounds
import ragsite.core.ids
from django.db import migrations, models


READY = "UPDATE model_registry_modelversion SET status = 'ready' WHERE status = 'registered'"
REGISTERED = "UPDATE model_registry_modelversion SET status = 'registered' WHERE status = 'ready'"


class Migration(migrations.Migration):

    dependencies = [
        ('model_registry', '0003_prompts'),
    ]

    operations = [
        migrations.CreateModel(
            name='ModelTask',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='Starts of the present stage.')),
                ('lease_owner', models.CharField(blank=True, default='', editable=False, max_length=120)),
                ('lease_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='Earliest next start.')),
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('pull', 'Download'), ('verify', 'Check'), ('remove', 'Remove')], max_length=10)),
                ('state', models.CharField(choices=[('open', 'Open'), ('cancelling', 'Being cancelled'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='open', max_length=10)),
                ('name', models.CharField(help_text="The model's.", max_length=200)),
                ('source', models.CharField(help_text="The hub's repository.", max_length=1000)),
                ('revision', models.CharField(help_text="The version's.", max_length=64)),
                ('commit', models.CharField(blank=True, default='', help_text="The hub's.", max_length=40)),
                ('file', models.CharField(blank=True, default='', help_text='The weights to take, where there are several.', max_length=400)),
                ('sha256', models.CharField(blank=True, default='', help_text='What the weights must have.', max_length=64, verbose_name='SHA-256')),
                ('folder', models.CharField(blank=True, default='', help_text='What is removed.', max_length=1000)),
                ('plan', models.JSONField(help_text='The files, as the hub states them.', null=True)),
                ('licence', models.CharField(blank=True, default='', max_length=120)),
                ('bytes_total', models.PositiveBigIntegerField(null=True)),
                ('bytes_done', models.PositiveBigIntegerField(default=0)),
                ('error', models.TextField(blank=True, default='')),
                ('actor', models.JSONField(editable=False, help_text='Who asked for it.', null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('ended_at', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='modelversion',
            name='model_version_status_known',
        ),
        migrations.RemoveConstraint(
            model_name='modelversion',
            name='model_version_has_max_tokens',
        ),
        migrations.RemoveConstraint(
            model_name='modelversion',
            name='model_version_sha256_is_hex',
        ),
        migrations.RemoveConstraint(
            model_name='modelversion',
            name='model_version_dimensions_by_kind',
        ),
        migrations.RunSQL(READY, REGISTERED),
        migrations.AddField(
            model_name='modelversion',
            name='bytes',
            field=models.PositiveBigIntegerField(help_text='Of its files on disk.', null=True),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='error',
            field=models.TextField(blank=True, default='', help_text='Why it failed.'),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='files',
            field=models.JSONField(default=list, help_text='Name, bytes and SHA-256 of each file.'),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='licence',
            field=models.CharField(blank=True, default='', help_text='As its card says, if it does.', max_length=120),
        ),
        migrations.AlterField(
            model_name='modelversion',
            name='max_tokens',
            field=models.PositiveIntegerField(help_text='Longest input, special tokens and prompt included.', null=True),
        ),
        migrations.AlterField(
            model_name='modelversion',
            name='status',
            field=models.CharField(choices=[('registered', 'Registered'), ('downloading', 'Downloading'), ('ready', 'Ready'), ('active', 'Active'), ('retired', 'Retired'), ('failed', 'Failed')], default='registered', max_length=20),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['registered', 'downloading', 'ready', 'active', 'retired', 'failed'])), name='model_version_status_known'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('dimensions__gt', 0), ('dimensions__isnull', False), ('kind__in', ['embedding'])), models.Q(models.Q(('kind__in', ['embedding']), _negated=True), ('dimensions', None)), models.Q(models.Q(('status__in', ['active', 'ready', 'retired']), _negated=True), ('dimensions', None)), _connector='OR'), name='model_version_dimensions_by_kind'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('max_tokens__gt', 0), ('max_tokens__isnull', False)), models.Q(models.Q(('status__in', ['active', 'ready', 'retired']), _negated=True), ('max_tokens', None)), _connector='OR'), name='model_version_has_max_tokens'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.CheckConstraint(condition=models.Q(('sha256__regex', '^[0-9a-f]{64}$'), models.Q(models.Q(('status__in', ['active', 'ready', 'retired']), _negated=True), ('sha256', '')), _connector='OR'), name='model_version_sha256_is_hex'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'failed'), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='model_version_failed_says_why'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='model_version_error_bytes', size=''),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=ragsite.core.bounds.BytesAtMost(field='files', most=4194304, name='model_version_files_bytes', size='column'),
        ),
        migrations.AddField(
            model_name='modeltask',
            name='version',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='tasks', to='model_registry.modelversion'),
        ),
        migrations.AddIndex(
            model_name='modeltask',
            index=models.Index(condition=models.Q(('state__in', ('open', 'cancelling'))), fields=['not_before', 'id'], name='model_task_work'),
        ),
        migrations.AddConstraint(
            model_name='modeltask',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'cancelling', 'done', 'failed', 'cancelled'])), name='model_task_state_known'),
        ),
        migrations.AddConstraint(
            model_name='modeltask',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='model_task_failed_says_why'),
        ),
        migrations.AddConstraint(
            model_name='modeltask',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('open', 'cancelling'))), fields=('kind', 'name', 'revision'), name='model_task_one_open'),
        ),
        migrations.AddConstraint(
            model_name='modeltask',
            constraint=ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='model_task_error_bytes', size=''),
        ),
        migrations.AddConstraint(
            model_name='modeltask',
            constraint=ragsite.core.bounds.BytesAtMost(field='plan', most=4194304, name='model_task_plan_bytes', size='column'),
        ),
        migrations.AddConstraint(
            model_name='modeltask',
            constraint=ragsite.core.bounds.BytesAtMost(field='actor', most=131072, name='model_task_actor_bytes', size='column'),
        ),
    ]
