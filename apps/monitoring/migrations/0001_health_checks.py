"""How the parts of the installation were found last, a row each."""

import django.db.models.functions.datetime
import ragsite.core.bounds
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='HealthCheck',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=40)),
                ('subject', models.CharField(blank=True, default='', max_length=200)),
                ('state', models.CharField(choices=[('ok', 'Fine'), ('degraded', 'Works in part'), ('failed', 'Does not work')], max_length=10)),
                ('text', models.TextField(blank=True, default='', help_text='What is wrong, and what mends it.')),
                ('milliseconds', models.FloatField()),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='When it was found so first.')),
                ('checked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'verbose_name': 'health check',
                'verbose_name_plural': 'health checks',
                'ordering': ['name', 'subject'],
                'constraints': [models.UniqueConstraint(fields=('name', 'subject'), name='health_check_of_subject'), models.CheckConstraint(condition=models.Q(('state__in', ['ok', 'degraded', 'failed'])), name='health_check_state_known'), models.CheckConstraint(condition=models.Q(('state', 'ok'), models.Q(('text', ''), _negated=True), _connector='OR'), name='health_check_says_what_is_wrong'), ragsite.core.bounds.BytesAtMost(field='text', most=131072, name='health_check_text_bytes', size='')],
            },
        ),
    ]
