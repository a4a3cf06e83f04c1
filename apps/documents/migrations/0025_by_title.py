"""A knowledge base's documents are listed by name without sorting all of them; the index is made beside who works."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("documents", "0024_grant_role")]

    operations = [
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS document_by_title", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="document",
            index=models.Index(
                fields=["knowledge_base", "title", "id"], condition=models.Q(deleted_at=None), name="document_by_title"
            ),
        ),
    ]
