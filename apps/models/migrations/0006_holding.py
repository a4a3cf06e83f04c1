"""What model workers hold in memory, and what they are told to hold."""

import django.db.models.deletion
import django.db.models.functions.datetime
import ragsite.core.bounds
import ragsite.core.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('model_registry', '0005_generation'),
    ]

    operations = [
        migrations.CreateModel(
            name='ModelCache',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('worker', models.CharField(max_length=120)),
                ('device', models.CharField(max_length=40)),
                ('bytes', models.PositiveBigIntegerField(help_text='Weights, and what it takes while it computes.')),
                ('uses', models.PositiveBigIntegerField(default=0, help_text='Calls since it was loaded.')),
                ('is_held', models.BooleanField(default=True)),
                ('pinned', models.BooleanField(default=False, help_text='Never unloaded to make room.')),
                ('loaded_at', models.DateTimeField()),
                ('last_used_at', models.DateTimeField()),
                ('told_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='When its worker said so last.')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='cached', to='model_registry.modelversion')),
            ],
            options={
                'verbose_name': 'loaded model',
                'ordering': ['worker', '-last_used_at'],
                'constraints': [models.UniqueConstraint(fields=('worker', 'version'), name='model_cache_of_worker')],
            },
        ),
        migrations.CreateModel(
            name='ModelOrder',
            fields=[
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('load', 'Load it, and keep it loaded'), ('unload', 'Unload it'), ('warm', 'Load it, if it fits')], max_length=10)),
                ('worker', models.CharField(blank=True, default='', help_text='Empty for all.', max_length=120)),
                ('answers', models.JSONField(default=dict, help_text='In words, by worker.')),
                ('actor', models.JSONField(editable=False, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True, editable=False)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='orders', to='model_registry.modelversion')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['load', 'unload', 'warm'])), name='model_order_kind_known'), ragsite.core.bounds.BytesAtMost(field='answers', most=131072, name='model_order_answers_bytes', size='column'), ragsite.core.bounds.BytesAtMost(field='actor', most=131072, name='model_order_actor_bytes', size='column')],
            },
        ),
    ]
