"""The rows there are meet the walls of the last migration. Readers and writers go on meanwhile."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('retrieval', '0017_answers'),
    ]

    operations = [
        ValidateConstraint(model_name=model, name=name)
        for model, name in (
            ("answer", "answer_statements_bytes"),
            ("answer", "answer_passages_bytes"),
            ("answer", "answer_searched_bytes"),
            ("answer", "answer_usage_bytes"),
            ("query", "query_options_bytes"),
        )
    ]
