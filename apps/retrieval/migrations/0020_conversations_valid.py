"""The index of turns, and the rows there are meet the walls of the last migration. Readers and writers go on meanwhile."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations, models

INDEXED = """
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS query_turn_of_conversation
ON retrieval_query (conversation_id, turn) WHERE conversation_id IS NOT NULL
"""
UNINDEXED = "DROP INDEX CONCURRENTLY IF EXISTS query_turn_of_conversation"


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('retrieval', '0019_conversations'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            # An attempt that was stopped leaves an index that is not valid.
            database_operations=[migrations.RunSQL(UNINDEXED, migrations.RunSQL.noop), migrations.RunSQL(INDEXED, UNINDEXED)],
            state_operations=[
                migrations.AddConstraint(
                    model_name='query',
                    constraint=models.UniqueConstraint(condition=models.Q(('conversation__isnull', False)), fields=('conversation', 'turn'), name='query_turn_of_conversation'),
                ),
            ],
        ),
        ValidateConstraint(model_name="query", name="query_of_conversation_has_turn"),
        ValidateConstraint(model_name="query", name="query_searched_for_bytes"),
    ]
