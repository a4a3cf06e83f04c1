"""When each step of an answer was taken, and the trace that asking was part of.

Not in one transaction: the rows are looked through for the constraint without a lock on the table.
"""

import ragsite.core.bounds
from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("retrieval", "0027_erasures")]

    operations = [
        migrations.AddField(
            model_name="query",
            name="trace_id",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="The trace that asking it was part of; empty if of none.",
                max_length=32,
            ),
        ),
        migrations.AddField(
            model_name="answer",
            name="timeline",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                editable=False,
                help_text="When each step was taken, and each call of a model.",
            ),
        ),
        AddConstraintNotValid(
            model_name="answer",
            constraint=ragsite.core.bounds.BytesAtMost(
                field="timeline", most=67108864, name="answer_timeline_bytes", size="column"
            ),
        ),
        ValidateConstraint(model_name="answer", name="answer_timeline_bytes"),
    ]
