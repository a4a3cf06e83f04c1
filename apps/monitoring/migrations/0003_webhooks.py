"""Webhooks, and what they are told."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import ragsite.core.bounds
import ragsite.core.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0018_limits_of_members_valid'),
        ('monitoring', '0002_alerts'),
    ]

    operations = [
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('url', models.CharField(max_length=2000, verbose_name='address')),
                ('description', models.CharField(blank=True, default='', max_length=200, verbose_name='description')),
                ('types', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None, verbose_name='events')),
                ('secret', models.TextField(editable=False)),
                ('state', models.CharField(choices=[('on', 'On'), ('paused', 'Paused, as its receiver does not answer'), ('off', 'Off')], default='on', max_length=10)),
                ('failures', models.PositiveIntegerField(default=0, editable=False, help_text='In a row, until now.')),
                ('failing_since', models.DateTimeField(blank=True, editable=False, null=True)),
                ('paused_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('actor', models.JSONField(editable=False, help_text='Who made it.', null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='gateway.tenant')),
            ],
            options={
                'verbose_name': 'webhook',
                'verbose_name_plural': 'webhooks',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='Starts of the present stage.')),
                ('lease_owner', models.CharField(blank=True, default='', editable=False, max_length=120)),
                ('lease_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='Earliest next start.')),
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('event_id', models.UUIDField()),
                ('type', models.CharField(max_length=60)),
                ('body', models.TextField(help_text='What is sent.')),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('held', 'Held back'), ('done', 'Delivered'), ('dead', 'Given up')], default='waiting', max_length=10)),
                ('tries', models.PositiveIntegerField(default=0)),
                ('status', models.PositiveSmallIntegerField(blank=True, help_text='What the receiver answered last.', null=True)),
                ('error', models.TextField(blank=True, default='')),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('tried_at', models.DateTimeField(blank=True, null=True)),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
                ('webhook', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='monitoring.webhook')),
            ],
            options={
                'verbose_name': 'webhook delivery',
                'verbose_name_plural': 'webhook deliveries',
                'ordering': ['-id'],
            },
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['on', 'paused', 'off'])), name='webhook_state_known'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(('types__len__gt', 0)), name='webhook_is_told_something'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('paused_at__isnull', False), ('state', 'paused')), models.Q(models.Q(('state', 'paused'), _negated=True), ('paused_at', None)), _connector='OR'), name='paused_webhook_knows_when'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=ragsite.core.bounds.BytesAtMost(field='secret', most=131072, name='webhook_secret_bytes', size=''),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=ragsite.core.bounds.BytesAtMost(field='types', most=131072, name='webhook_types_bytes', size='column'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=ragsite.core.bounds.BytesAtMost(field='actor', most=131072, name='webhook_actor_bytes', size='column'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['not_before', 'id'], name='webhook_delivery_work'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(fields=['webhook', '-id'], name='webhook_delivery_of'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['webhook', 'state'], name='webhook_delivery_open'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(fields=['created_at', 'id'], name='webhook_delivery_age'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.UniqueConstraint(fields=('webhook', 'event_id'), name='webhook_told_once'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'held', 'done', 'dead'])), name='webhook_delivery_state_known'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'dead'), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='dead_webhook_delivery_says_why'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='webhook_delivery_error_bytes', size=''),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=ragsite.core.bounds.BytesAtMost(field='body', most=131072, name='webhook_delivery_body_bytes', size=''),
        ),
    ]
