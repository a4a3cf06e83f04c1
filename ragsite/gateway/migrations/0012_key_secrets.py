"""Keys that are for named knowledge bases, that are rotated, and that tell by which door they were used."""

import django.contrib.postgres.fields
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

import ragsite.core.bounds


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0010_limits'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='former_hash',
            field=models.CharField(db_default='', default='', editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name='apikey',
            name='former_until',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='apikey',
            name='former_used_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='apikey',
            name='knowledge_base_ids',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), editable=False, help_text='Those it may see; empty for all of the tenant.', null=True, size=None),
        ),
        migrations.AddField(
            model_name='apikey',
            name='last_used_by',
            field=models.CharField(db_default='', default='', editable=False, help_text='The door, and from what kind of network.', max_length=40),
        ),
        migrations.AddField(
            model_name='apikey',
            name='rotated_at',
            field=models.DateTimeField(editable=False, help_text='When it was given its present secret.', null=True),
        ),
        AddConstraintNotValid(
            model_name='apikey',
            constraint=ragsite.core.bounds.BytesAtMost(field='knowledge_base_ids', most=131072, name='api_key_knowledge_base_ids_bytes', size='column'),
        ),
    ]
