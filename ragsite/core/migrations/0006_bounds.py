"""Walls around what fields hold, for new rows; those there are are looked at by the next migration, beside everybody's work."""

import ragsite.core.bounds
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('core', '0005_actor'),
    ]

    operations = [
        AddConstraintNotValid(
            model_name='outboxevent',
            constraint=ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='outbox_error_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='outboxevent',
            constraint=ragsite.core.bounds.BytesAtMost(field='payload', most=67108864, name='outbox_payload_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='outboxevent',
            constraint=ragsite.core.bounds.BytesAtMost(field='actor', most=131072, name='outbox_actor_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='scheduledjob',
            constraint=ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='scheduled_job_error_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='workerpresence',
            constraint=ragsite.core.bounds.BytesAtMost(field='jobs', most=131072, name='worker_jobs_bytes', size='column'),
        ),
    ]
