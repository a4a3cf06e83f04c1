"""The rows there are meet the walls of the last migration. Readers and writers go on meanwhile."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('core', '0006_bounds'),
    ]

    operations = [
        ValidateConstraint(model_name=model, name=name)
        for model, name in (
            ("outboxevent", "outbox_error_bytes"),
            ("outboxevent", "outbox_payload_bytes"),
            ("outboxevent", "outbox_actor_bytes"),
            ("scheduledjob", "scheduled_job_error_bytes"),
            ("workerpresence", "worker_jobs_bytes"),
        )
    ]
