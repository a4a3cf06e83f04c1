"""What is masked in texts. Originals of masked texts stand in a table that the reader of the second wall may not read."""

import django.db.models.deletion
import django.db.models.functions.datetime
import ragsite.core.bounds
import ragsite.core.ids
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0021_same_content'),
        ('gateway', '0008_names'),
    ]

    operations = [
        migrations.CreateModel(
            name='MaskingChange',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='Starts of the present stage.')),
                ('lease_owner', models.CharField(blank=True, default='', editable=False, max_length=120)),
                ('lease_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='Earliest next start.')),
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('applying', 'Being applied'), ('done', 'Applied'), ('failed', 'Failed; saving the setting again resumes it')], default='applying', max_length=10)),
                ('walked_to', models.UUIDField(editable=False, null=True)),
                ('answers', models.BooleanField(default=False, editable=False)),
                ('version_total', models.PositiveIntegerField(default=0, help_text='Versions that there were when it was changed.')),
                ('version_done', models.PositiveIntegerField(default=0)),
                ('error', models.TextField(blank=True, default='')),
                ('actor', models.JSONField(editable=False, help_text='Who asked for it.', null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='OriginalText',
            fields=[
                ('version', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='original', serialize=False, to='documents.documentversion')),
                ('text', models.TextField()),
                ('sections', models.JSONField(default=list)),
                ('title', models.CharField(blank=True, default='', max_length=300)),
                ('metadata', models.JSONField(default=dict)),
            ],
        ),
        migrations.AddField(
            model_name='knowledgebase',
            name='masking',
            field=models.JSONField(blank=True, db_default=models.Value({}, output_field=models.JSONField()), default=dict, help_text='Which values are masked, and where; empty for none.'),
        ),
        migrations.AddField(
            model_name='parsedtext',
            name='finds',
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict, editable=False, help_text='How many values of each kind were found; nothing where none were looked for.'),
        ),
        migrations.AddField(
            model_name='parsedtext',
            name='masked_as',
            field=models.CharField(db_default='', default='', editable=False, help_text='By which masking; empty for none.', max_length=200),
        ),
        AddConstraintNotValid(
            model_name='knowledgebase',
            constraint=ragsite.core.bounds.BytesAtMost(field='masking', most=131072, name='knowledge_base_masking_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='parsedtext',
            constraint=ragsite.core.bounds.BytesAtMost(field='finds', most=131072, name='parsed_text_finds_bytes', size='column'),
        ),
        migrations.AddField(
            model_name='maskingchange',
            name='knowledge_base',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='masking_change', to='documents.knowledgebase'),
        ),
        migrations.AddIndex(
            model_name='maskingchange',
            index=models.Index(condition=models.Q(('state', 'applying')), fields=['not_before', 'id'], name='masking_change_work'),
        ),
        migrations.AddConstraint(
            model_name='maskingchange',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['applying', 'done', 'failed'])), name='masking_change_state_known'),
        ),
        migrations.AddConstraint(
            model_name='maskingchange',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='failed_masking_change_says_why'),
        ),
        migrations.AddConstraint(
            model_name='maskingchange',
            constraint=ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='masking_change_error_bytes', size=''),
        ),
        migrations.AddConstraint(
            model_name='maskingchange',
            constraint=ragsite.core.bounds.BytesAtMost(field='actor', most=131072, name='masking_change_actor_bytes', size='column'),
        ),
    ]
