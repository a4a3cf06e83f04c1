"""How one document would be cut, as somebody asks for it on a page and a worker finds it out."""

import django.db.models.deletion
import django.db.models.functions.datetime
import ragsite.core.bounds
import ragsite.core.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0019_bulk_jobs'),
        ('retrieval', '0023_cited_versions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CutPreview',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='Starts of the present stage.')),
                ('lease_owner', models.CharField(blank=True, default='', editable=False, max_length=120)),
                ('lease_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='Earliest next start.')),
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('chunking', models.JSONField()),
                ('state', models.CharField(choices=[('open', 'Being cut'), ('done', 'Done'), ('failed', 'Failed')], default='open', max_length=10)),
                ('spans', models.JSONField(default=list)),
                ('chunk_total', models.PositiveIntegerField(default=0)),
                ('median_tokens', models.PositiveIntegerField(default=0)),
                ('error', models.TextField(blank=True, default='')),
                ('actor', models.JSONField(editable=False, help_text='Who asked for it.', null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('knowledge_base', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='documents.knowledgebase')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='documents.documentversion')),
            ],
            options={
                'verbose_name': 'preview of a cut',
                'verbose_name_plural': 'previews of cuts',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('state', 'open')), fields=['not_before', 'id'], name='cut_preview_work'), models.Index(fields=['created_at'], name='cut_preview_age')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['open', 'done', 'failed'])), name='cut_preview_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='failed_cut_preview_says_why'), ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='cut_preview_error_bytes', size=''), ragsite.core.bounds.BytesAtMost(field='chunking', most=4194304, name='cut_preview_chunking_bytes', size='column'), ragsite.core.bounds.BytesAtMost(field='spans', most=4194304, name='cut_preview_spans_bytes', size='column'), ragsite.core.bounds.BytesAtMost(field='actor', most=131072, name='cut_preview_actor_bytes', size='column')],
            },
        ),
    ]
