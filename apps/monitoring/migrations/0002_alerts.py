"""Alerts, and the messages that tell of them."""

import django.db.models.deletion
import django.db.models.functions.datetime
import ragsite.core.bounds
import ragsite.core.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0001_health_checks'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('rule', models.CharField(max_length=40)),
                ('subject', models.CharField(blank=True, default='', max_length=250)),
                ('severity', models.CharField(choices=[('critical', 'Critical'), ('warning', 'Warning')], max_length=10)),
                ('state', models.CharField(choices=[('pending', 'Not an alert yet'), ('open', 'Open'), ('calming', 'Open, calm for a moment'), ('closed', 'Closed')], default='pending', max_length=10)),
                ('value', models.FloatField()),
                ('since', models.DateTimeField(help_text='When its state began.')),
                ('opened_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                ('acknowledged_by', models.ForeignKey(blank=True, help_text='Who sees to it; nobody once the account is gone.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'alert',
                'verbose_name_plural': 'alerts',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('state__in', ('open', 'calming'))), fields=['-id'], name='alert_open'), models.Index(condition=models.Q(('state', 'closed')), fields=['closed_at'], name='alert_closed')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'closed'), _negated=True), fields=('rule', 'subject'), name='one_living_alert_of_subject'), models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'open', 'calming', 'closed'])), name='alert_state_known'), models.CheckConstraint(condition=models.Q(('severity__in', ['critical', 'warning'])), name='alert_severity_known'), models.CheckConstraint(condition=models.Q(('state', 'pending'), ('opened_at__isnull', False), _connector='OR'), name='alert_knows_when_it_opened'), models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', False), ('state', 'closed')), models.Q(models.Q(('state', 'closed'), _negated=True), ('closed_at', None)), _connector='OR'), name='closed_alert_knows_when')],
            },
        ),
        migrations.CreateModel(
            name='AlertDelivery',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='Starts of the present stage.')),
                ('lease_owner', models.CharField(blank=True, default='', editable=False, max_length=120)),
                ('lease_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='Earliest next start.')),
                ('id', models.UUIDField(default=ragsite.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('occasion', models.CharField(choices=[('opened', 'Opened'), ('closed', 'Closed')], max_length=10)),
                ('channel', models.CharField(choices=[('webhook', 'Webhook'), ('mail', 'E-mail')], max_length=10)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('done', 'Delivered'), ('failed', 'Failed')], default='waiting', max_length=10)),
                ('error', models.TextField(blank=True, default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='monitoring.alert')),
            ],
            options={
                'verbose_name': 'message about an alert',
                'verbose_name_plural': 'messages about alerts',
                'ordering': ['id'],
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['not_before', 'id'], name='alert_delivery_work')],
                'constraints': [models.UniqueConstraint(fields=('alert', 'occasion', 'channel'), name='alert_told_once'), models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'done', 'failed'])), name='alert_delivery_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='failed_alert_delivery_says_why'), ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='alert_delivery_error_bytes', size='')],
            },
        ),
    ]
