"""Walls around what fields hold, for new rows; those there are are looked at by the next migration, beside everybody's work."""

import ragsite.core.bounds
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('documents', '0012_actor'),
        ('gateway', '0004_bounds'),
    ]

    operations = [
        migrations.AlterField(
            model_name='knowledgebase',
            name='description',
            field=models.TextField(blank=True, default='', max_length=10000),
        ),
        AddConstraintNotValid(
            model_name='document',
            constraint=ragsite.core.bounds.BytesAtMost(field='metadata', most=4194304, name='document_metadata_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='document',
            constraint=ragsite.core.bounds.BytesAtMost(field='tags', most=4194304, name='document_tags_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='document',
            constraint=ragsite.core.bounds.BytesAtMost(field='chunking', most=4194304, name='document_chunking_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='documentversion',
            constraint=ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='version_error_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='documentversion',
            constraint=ragsite.core.bounds.BytesAtMost(field='actor', most=131072, name='version_actor_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='knowledgebase',
            constraint=ragsite.core.bounds.BytesAtMost(field='description', most=4194304, name='knowledge_base_description_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='knowledgebase',
            constraint=ragsite.core.bounds.BytesAtMost(field='chunking', most=4194304, name='knowledge_base_chunking_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='knowledgebase',
            constraint=ragsite.core.bounds.BytesAtMost(field='retrieval', most=4194304, name='knowledge_base_retrieval_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='knowledgebasedeletion',
            constraint=ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='deletion_error_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='knowledgebasedeletion',
            constraint=ragsite.core.bounds.BytesAtMost(field='actor', most=131072, name='deletion_actor_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='stagerecord',
            constraint=ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='stage_error_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='stagerecord',
            constraint=ragsite.core.bounds.BytesAtMost(field='actor', most=131072, name='stage_actor_bytes', size='column'),
        ),
    ]
