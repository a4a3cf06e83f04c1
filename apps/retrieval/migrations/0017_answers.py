"""What an answer was made from and by, its statements with their verdicts, and what its caller asked for."""

import ragsite.core.bounds
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('retrieval', '0016_standby'),
    ]

    operations = [
        migrations.AddField(
            model_name='answer',
            name='model',
            field=models.CharField(blank=True, db_default='', default='', help_text='Which one wrote it.', max_length=200),
        ),
        migrations.AddField(
            model_name='answer',
            name='passages',
            field=models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list, help_text='Spans of the passages that were found, best first.'),
        ),
        migrations.AddField(
            model_name='answer',
            name='prompt',
            field=models.CharField(blank=True, db_default='', default='', help_text='The version of what it was told.', max_length=80),
        ),
        migrations.AddField(
            model_name='answer',
            name='searched',
            field=models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict, help_text='How was searched, and how many chunks each step left.'),
        ),
        migrations.AddField(
            model_name='answer',
            name='statements',
            field=models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list, help_text='Each statement with its verdict, those left out of the text with it.'),
        ),
        migrations.AddField(
            model_name='answer',
            name='usage',
            field=models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict, help_text='Tokens it read and wrote.'),
        ),
        migrations.AddField(
            model_name='query',
            name='options',
            field=models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict, help_text='What the caller asked for beside the question.'),
        ),
        AddConstraintNotValid(
            model_name='answer',
            constraint=ragsite.core.bounds.BytesAtMost(field='statements', most=67108864, name='answer_statements_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='answer',
            constraint=ragsite.core.bounds.BytesAtMost(field='passages', most=67108864, name='answer_passages_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='answer',
            constraint=ragsite.core.bounds.BytesAtMost(field='searched', most=4194304, name='answer_searched_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='answer',
            constraint=ragsite.core.bounds.BytesAtMost(field='usage', most=4194304, name='answer_usage_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='query',
            constraint=ragsite.core.bounds.BytesAtMost(field='options', most=67108864, name='query_options_bytes', size='column'),
        ),
    ]
