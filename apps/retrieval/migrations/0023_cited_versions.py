"""The latest citations of a version are found by an index, made beside who works; it does what that of the version alone did."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


def drop_index(apps, schema_editor):
    citation = apps.get_model("retrieval", "Citation")
    for name in schema_editor._constraint_names(citation, ["version_id"], index=True, foreign_key=False):
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(name)}")


def make_index(apps, schema_editor):
    schema_editor.execute(
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS retrieval_citation_version_id ON retrieval_citation (version_id)"
    )


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('documents', '0016_title_words'),
        ('retrieval', '0022_names'),
    ]

    operations = [
        # One that was cut off leaves an index that is not valid under the name.
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS citation_of_version", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='citation',
            index=models.Index(fields=['version', '-id'], name='citation_of_version'),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='citation',
                    name='version',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='citations', to='documents.documentversion'),
                ),
            ],
            database_operations=[migrations.RunPython(drop_index, make_index)],
        ),
    ]
