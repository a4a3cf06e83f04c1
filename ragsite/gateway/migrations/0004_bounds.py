"""Walls around what fields hold, for new rows; those there are are looked at by the next migration, beside everybody's work."""

import ragsite.core.bounds
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('gateway', '0003_members'),
    ]

    operations = [
        AddConstraintNotValid(
            model_name='apikey',
            constraint=ragsite.core.bounds.BytesAtMost(field='permissions', most=131072, name='api_key_permissions_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='idempotencyrecord',
            constraint=ragsite.core.bounds.BytesAtMost(field='body', most=67108864, name='idempotency_body_bytes', size=''),
        ),
    ]
