"""Events that were given up are found at once among all that were sent; the index is made beside who works."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("core", "0009_audit_append_only")]

    operations = [
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS outbox_dead", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="outboxevent",
            index=models.Index(
                condition=models.Q(("sent_at__isnull", False), models.Q(("error", ""), _negated=True)),
                fields=["sent_at"],
                name="outbox_dead",
            ),
        ),
    ]
