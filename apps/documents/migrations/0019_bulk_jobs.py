"""Bulk jobs: something that is done with many documents by a worker, with its progress."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import ragsite.core.bounds
import ragsite.core.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0018_text_edits'),
        ('gateway', '0008_names'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BulkJob',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='Starts of the present stage.')),
                ('lease_owner', models.CharField(blank=True, default='', editable=False, max_length=120)),
                ('lease_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='Earliest next start.')),
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(help_text='What is done with each.', max_length=20)),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), blank=True, default=list, size=None)),
                ('documents', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), blank=True, default=list, editable=False, size=None)),
                ('state', models.CharField(choices=[('asked', 'Waiting to be confirmed'), ('open', 'Under way'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='asked', max_length=10)),
                ('total', models.PositiveIntegerField(help_text='Documents it was confirmed for.')),
                ('done', models.PositiveIntegerField(default=0)),
                ('refused', models.PositiveIntegerField(default=0)),
                ('refusals', models.JSONField(default=list, help_text='The first documents that were refused, with the reasons.')),
                ('error', models.TextField(blank=True, default='')),
                ('actor', models.JSONField(editable=False, help_text='Who asked for it.', null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('confirmed_at', models.DateTimeField(editable=False, null=True)),
                ('ended_at', models.DateTimeField(editable=False, null=True)),
                ('knowledge_base', models.ForeignKey(help_text='None for several.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='bulk_jobs', to='documents.knowledgebase')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='bulk_jobs', to='gateway.tenant')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='bulk_jobs', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'bulk job',
                'verbose_name_plural': 'bulk jobs',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('state', 'open')), fields=['not_before', 'id'], name='bulk_job_work'), models.Index(condition=models.Q(('state', 'asked')), fields=['created_at'], name='bulk_job_asked'), models.Index(fields=['tenant', '-id'], name='bulk_job_of_tenant')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['asked', 'open', 'done', 'failed', 'cancelled'])), name='bulk_job_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='failed_bulk_job_says_why'), models.CheckConstraint(condition=models.Q(('total__gte', django.db.models.expressions.CombinedExpression(models.F('done'), '+', models.F('refused')))), name='bulk_job_does_no_more_than_all'), ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='bulk_job_error_bytes', size=''), ragsite.core.bounds.BytesAtMost(field='tags', most=131072, name='bulk_job_tags_bytes', size='column'), ragsite.core.bounds.BytesAtMost(field='documents', most=4194304, name='bulk_job_documents_bytes', size='column'), ragsite.core.bounds.BytesAtMost(field='refusals', most=4194304, name='bulk_job_refusals_bytes', size='column'), ragsite.core.bounds.BytesAtMost(field='actor', most=131072, name='bulk_job_actor_bytes', size='column')],
            },
        ),
    ]
