"""What is chosen for a version that is downloaded."""

import ragsite.core.bounds
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('model_registry', '0009_servers'),
    ]

    operations = [
        migrations.AddField(
            model_name='modeltask',
            name='query_prompt',
            field=models.TextField(blank=True, help_text='What shall stand before each question.', null=True),
        ),
        migrations.AddField(
            model_name='modeltask',
            name='document_prompt',
            field=models.TextField(blank=True, help_text='What shall stand before each passage.', null=True),
        ),
        migrations.AddField(
            model_name='modeltask',
            name='dimensions',
            field=models.PositiveIntegerField(blank=True, help_text='How much of each vector shall be kept.', null=True),
        ),
        migrations.AddConstraint(
            model_name='modeltask',
            constraint=ragsite.core.bounds.BytesAtMost(field='query_prompt', most=131072, name='model_task_query_prompt_bytes', size=''),
        ),
        migrations.AddConstraint(
            model_name='modeltask',
            constraint=ragsite.core.bounds.BytesAtMost(field='document_prompt', most=131072, name='model_task_document_prompt_bytes', size=''),
        ),
    ]
