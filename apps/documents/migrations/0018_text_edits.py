"""Edits of a version's text. Searches don't read them, so the reader of the second wall may not."""

import django.db.models.deletion
import django.db.models.functions.datetime
import ragsite.core.bounds
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0017_page_pictures'),
    ]

    operations = [
        migrations.AddField(
            model_name='documentversion',
            name='edited',
            field=models.BooleanField(db_default=False, default=False, editable=False, help_text='Whether a change of its edits made it.'),
        ),
        migrations.AlterField(
            model_name='documentversion',
            name='rechunk_of',
            field=models.ForeignKey(blank=True, editable=False, help_text='The upload whose bytes it has, and whose text but for its edits; none for an upload itself.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='rechunks', to='documents.documentversion'),
        ),
        migrations.CreateModel(
            name='TextEdit',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('start', models.PositiveIntegerField(help_text="First character in the upload's parsed text.")),
                ('end', models.PositiveIntegerField(help_text='Character after the last; the first one where text was added.')),
                ('old_text', models.TextField(help_text='What the upload says there.')),
                ('text', models.TextField(help_text='What is said instead; nothing where it was left out.')),
                ('actor', models.JSONField(editable=False, help_text='Who made it.', null=True)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='edits', to='documents.documentversion')),
            ],
            options={
                'ordering': ['version', 'start'],
                'constraints': [models.UniqueConstraint(fields=('version', 'start'), name='text_edit_of_version'), models.CheckConstraint(condition=models.Q(('end__gte', models.F('start'))), name='text_edit_span'), models.CheckConstraint(condition=models.Q(('end__gt', models.F('start')), models.Q(('text', ''), _negated=True), _connector='OR'), name='text_edit_does_something'), ragsite.core.bounds.BytesAtMost(field='old_text', most=4194304, name='text_edit_old_text_bytes', size=''), ragsite.core.bounds.BytesAtMost(field='text', most=4194304, name='text_edit_text_bytes', size=''), ragsite.core.bounds.BytesAtMost(field='actor', most=131072, name='text_edit_actor_bytes', size='column')],
            },
        ),
    ]
