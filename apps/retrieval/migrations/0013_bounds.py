"""Walls around what fields hold, for new rows; those there are are looked at by the next migration, beside everybody's work."""

import ragsite.core.bounds
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('documents', '0013_bounds'),
        ('gateway', '0004_bounds'),
        ('model_registry', '0002_kinds'),
        ('retrieval', '0012_actor'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='evaluationquestion',
            name='reference_answer',
            field=models.TextField(blank=True, default='', help_text='What a good answer says; may be left empty.', max_length=10000),
        ),
        migrations.AlterField(
            model_name='evaluationquestion',
            name='text',
            field=models.TextField(max_length=10000),
        ),
        migrations.AlterField(
            model_name='evaluationset',
            name='description',
            field=models.TextField(blank=True, default='', max_length=10000),
        ),
        AddConstraintNotValid(
            model_name='answer',
            constraint=ragsite.core.bounds.BytesAtMost(field='text', most=4194304, name='answer_text_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='answer',
            constraint=ragsite.core.bounds.BytesAtMost(field='milliseconds', most=4194304, name='answer_milliseconds_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='answer',
            constraint=ragsite.core.bounds.BytesAtMost(field='degraded', most=67108864, name='answer_degraded_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='citation',
            constraint=ragsite.core.bounds.BytesAtMost(field='quote', most=4194304, name='citation_quote_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='citation',
            constraint=ragsite.core.bounds.BytesAtMost(field='heading_path', most=4194304, name='citation_heading_path_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='citation',
            constraint=ragsite.core.bounds.BytesAtMost(field='place', most=4194304, name='citation_place_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='evaluationquestion',
            constraint=ragsite.core.bounds.BytesAtMost(field='text', most=67108864, name='evaluation_question_text_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='evaluationquestion',
            constraint=ragsite.core.bounds.BytesAtMost(field='reference_answer', most=67108864, name='evaluation_question_reference_answer_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='evaluationresult',
            constraint=ragsite.core.bounds.BytesAtMost(field='text', most=67108864, name='evaluation_result_text_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='evaluationresult',
            constraint=ragsite.core.bounds.BytesAtMost(field='ranking', most=4194304, name='evaluation_result_ranking_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='evaluationresult',
            constraint=ragsite.core.bounds.BytesAtMost(field='metrics', most=4194304, name='evaluation_result_metrics_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='evaluationrun',
            constraint=ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='evaluation_run_error_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='evaluationrun',
            constraint=ragsite.core.bounds.BytesAtMost(field='note', most=131072, name='evaluation_run_note_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='evaluationrun',
            constraint=ragsite.core.bounds.BytesAtMost(field='parameters', most=4194304, name='evaluation_run_parameters_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='evaluationrun',
            constraint=ragsite.core.bounds.BytesAtMost(field='metrics', most=4194304, name='evaluation_run_metrics_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='evaluationset',
            constraint=ragsite.core.bounds.BytesAtMost(field='description', most=4194304, name='evaluation_set_description_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='indexgeneration',
            constraint=ragsite.core.bounds.BytesAtMost(field='chunking', most=4194304, name='generation_chunking_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='query',
            constraint=ragsite.core.bounds.BytesAtMost(field='question', most=4194304, name='query_question_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='query',
            constraint=ragsite.core.bounds.BytesAtMost(field='knowledge_base_ids', most=67108864, name='query_knowledge_base_ids_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='reindex',
            constraint=ragsite.core.bounds.BytesAtMost(field='note', most=131072, name='reindex_note_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='reindex',
            constraint=ragsite.core.bounds.BytesAtMost(field='error', most=131072, name='reindex_error_bytes', size=''),
        ),
        AddConstraintNotValid(
            model_name='reindex',
            constraint=ragsite.core.bounds.BytesAtMost(field='actor', most=131072, name='reindex_actor_bytes', size='column'),
        ),
        AddConstraintNotValid(
            model_name='reindex',
            constraint=ragsite.core.bounds.BytesAtMost(field='comparison', most=4194304, name='reindex_comparison_bytes', size='column'),
        ),
    ]
