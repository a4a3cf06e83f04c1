"""Walls behind the prompts of a version."""

import ragsite.core.bounds
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('model_registry', '0007_fallback'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=ragsite.core.bounds.BytesAtMost(field='query_prompt', most=131072, name='model_version_query_prompt_bytes', size=''),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=ragsite.core.bounds.BytesAtMost(field='document_prompt', most=131072, name='model_version_document_prompt_bytes', size=''),
        ),
    ]
