"""What a tenant's home page draws of its versions is read without those of all others; the indexes are made beside who works."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("documents", "0028_chunk_context")]

    operations = [
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS version_of_tenant", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="documentversion",
            index=models.Index(fields=["tenant_id", "id"], name="version_of_tenant"),
        ),
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS version_of_tenant_failed", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="documentversion",
            index=models.Index(
                fields=["tenant_id", "id"], condition=models.Q(status="failed"), name="version_of_tenant_failed"
            ),
        ),
        RemoveIndexConcurrently(model_name="documentversion", name="version_failed"),
    ]
