"""Conversations of questions, and what people think of answers. The index of turns is made by the next migration."""

import django.db.models.deletion
import django.db.models.functions.datetime
import ragsite.core.bounds
import ragsite.core.ids
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0007_models_manage'),
        ('retrieval', '0018_answers_valid'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='query',
            name='searched_for',
            field=models.TextField(blank=True, db_default='', default='', help_text='As it was understood in its conversation; empty if as asked.'),
        ),
        migrations.AddField(
            model_name='query',
            name='turn',
            field=models.PositiveIntegerField(blank=True, help_text='Its place in the conversation, from 1.', null=True),
        ),
        migrations.CreateModel(
            name='AnswerFeedback',
            fields=[
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('rating', models.CharField(choices=[('up', 'Good'), ('down', 'Bad')], max_length=4)),
                ('comment', models.TextField(blank=True, default='', max_length=2000)),
                ('rated_by', models.CharField(max_length=120)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('rated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('answer', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='feedback', to='retrieval.answer')),
            ],
            options={
                'verbose_name': 'feedback',
                'verbose_name_plural': 'feedback',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Conversation',
            fields=[
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('begun_by', models.CharField(max_length=120)),
                ('title', models.CharField(blank=True, default='', help_text='The first question, if none was given.', max_length=200)),
                ('knowledge_base_ids', models.JSONField(blank=True, default=list, help_text='What is searched unless a question says otherwise; empty for all there are.')),
                ('turn_count', models.PositiveIntegerField(default=0, help_text='Questions that were answered in it.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('last_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When the last one was answered.')),
                ('api_key', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='gateway.apikey')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='conversations', to='gateway.tenant')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-last_at', '-id'],
            },
        ),
        migrations.AddField(
            model_name='query',
            name='conversation',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='turns', to='retrieval.conversation'),
        ),
        AddConstraintNotValid(
            model_name='query',
            constraint=models.CheckConstraint(condition=models.Q(('conversation', None), ('turn__isnull', False), _connector='OR'), name='query_of_conversation_has_turn'),
        ),
        AddConstraintNotValid(
            model_name='query',
            constraint=ragsite.core.bounds.BytesAtMost(field='searched_for', most=4194304, name='query_searched_for_bytes', size=''),
        ),
        migrations.AddConstraint(
            model_name='answerfeedback',
            constraint=models.CheckConstraint(condition=models.Q(('rating__in', ['up', 'down'])), name='answer_feedback_rating_known'),
        ),
        migrations.AddConstraint(
            model_name='answerfeedback',
            constraint=ragsite.core.bounds.BytesAtMost(field='comment', most=4194304, name='answer_feedback_comment_bytes', size=''),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(fields=['-last_at', '-id'], name='conversation_newest'),
        ),
        migrations.AddConstraint(
            model_name='conversation',
            constraint=ragsite.core.bounds.BytesAtMost(field='knowledge_base_ids', most=67108864, name='conversation_knowledge_base_ids_bytes', size='column'),
        ),
    ]
