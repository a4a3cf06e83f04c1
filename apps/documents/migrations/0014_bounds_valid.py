"""The rows there are meet the walls of the last migration. Readers and writers go on meanwhile."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('documents', '0013_bounds'),
    ]

    operations = [
        ValidateConstraint(model_name=model, name=name)
        for model, name in (
            ("document", "document_metadata_bytes"),
            ("document", "document_tags_bytes"),
            ("document", "document_chunking_bytes"),
            ("documentversion", "version_error_bytes"),
            ("documentversion", "version_actor_bytes"),
            ("knowledgebase", "knowledge_base_description_bytes"),
            ("knowledgebase", "knowledge_base_chunking_bytes"),
            ("knowledgebase", "knowledge_base_retrieval_bytes"),
            ("knowledgebasedeletion", "deletion_error_bytes"),
            ("knowledgebasedeletion", "deletion_actor_bytes"),
            ("stagerecord", "stage_error_bytes"),
            ("stagerecord", "stage_actor_bytes"),
        )
    ]
