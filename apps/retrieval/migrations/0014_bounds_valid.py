"""The rows there are meet the walls of the last migration. Readers and writers go on meanwhile."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('retrieval', '0013_bounds'),
    ]

    operations = [
        ValidateConstraint(model_name=model, name=name)
        for model, name in (
            ("answer", "answer_text_bytes"),
            ("answer", "answer_milliseconds_bytes"),
            ("answer", "answer_degraded_bytes"),
            ("citation", "citation_quote_bytes"),
            ("citation", "citation_heading_path_bytes"),
            ("citation", "citation_place_bytes"),
            ("evaluationquestion", "evaluation_question_text_bytes"),
            ("evaluationquestion", "evaluation_question_reference_answer_bytes"),
            ("evaluationresult", "evaluation_result_text_bytes"),
            ("evaluationresult", "evaluation_result_ranking_bytes"),
            ("evaluationresult", "evaluation_result_metrics_bytes"),
            ("evaluationrun", "evaluation_run_error_bytes"),
            ("evaluationrun", "evaluation_run_note_bytes"),
            ("evaluationrun", "evaluation_run_parameters_bytes"),
            ("evaluationrun", "evaluation_run_metrics_bytes"),
            ("evaluationset", "evaluation_set_description_bytes"),
            ("indexgeneration", "generation_chunking_bytes"),
            ("query", "query_question_bytes"),
            ("query", "query_knowledge_base_ids_bytes"),
            ("reindex", "reindex_note_bytes"),
            ("reindex", "reindex_error_bytes"),
            ("reindex", "reindex_actor_bytes"),
            ("reindex", "reindex_comparison_bytes"),
        )
    ]
