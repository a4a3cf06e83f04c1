"""What failed is found without a look at each version, by an index that is made beside who works."""

from django.db import migrations, models

INDEX = "CREATE INDEX CONCURRENTLY IF NOT EXISTS version_failed ON documents_documentversion (id) WHERE status = 'failed'"
UNINDEXED = "DROP INDEX CONCURRENTLY IF EXISTS version_failed"


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("documents", "0019_bulk_jobs")]

    operations = [
        migrations.SeparateDatabaseAndState(
            # An attempt that was stopped leaves an index that is not valid.
            database_operations=[migrations.RunSQL([UNINDEXED, INDEX], UNINDEXED)],
            state_operations=[
                migrations.AddIndex(
                    model_name="documentversion",
                    index=models.Index(condition=models.Q(("status", "failed")), fields=["id"], name="version_failed"),
                ),
            ],
        ),
    ]
