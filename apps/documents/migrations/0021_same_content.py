"""A document's bytes may come to be those of another one. That no two documents are made of the same bytes at the same moment is seen
to by an index of those that reserve theirs: all that are there do.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

RESERVED = models.UniqueConstraint(
    fields=["knowledge_base", "content_hash"],
    condition=models.Q(deleted_at=None, reserves_content=True),
    name="document_content_reserved",
)
UNRESERVED = "DROP INDEX CONCURRENTLY IF EXISTS document_content_reserved"
INDEX = """
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS document_content_reserved
ON documents_document (knowledge_base_id, content_hash) WHERE deleted_at IS NULL AND reserves_content
"""


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("documents", "0020_version_failed")]

    operations = [
        migrations.AddField(
            model_name="document",
            name="reserves_content",
            field=models.BooleanField(
                db_default=True,
                default=True,
                editable=False,
                help_text="Whether no other document is made of these bytes: from its upload until its bytes change.",
            ),
        ),
        AddIndexConcurrently(
            model_name="document",
            index=models.Index(
                condition=models.Q(deleted_at=None), fields=["knowledge_base", "content_hash"], name="document_content"
            ),
        ),
        # One that was cut off leaves an index that is not valid under the name.
        migrations.RunSQL(
            [UNRESERVED, INDEX],
            UNRESERVED,
            state_operations=[migrations.AddConstraint(model_name="document", constraint=RESERVED)],
        ),
        migrations.RemoveConstraint(model_name="document", name="document_content_of_knowledge_base"),
    ]
