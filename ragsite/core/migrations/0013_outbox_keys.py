"""Three indexes of the outbox, made beside who works: with them the next migration makes the table a part of a partitioned one
without building any.
"""

from django.db import migrations

INDEXES = {
    'outbox_before_key': 'CREATE UNIQUE INDEX CONCURRENTLY outbox_before_key ON core_outboxevent (id, created_at)',
    'outbox_before_event': 'CREATE INDEX CONCURRENTLY outbox_before_event ON core_outboxevent (event_id)',
    'outbox_before_failing': 'CREATE INDEX CONCURRENTLY outbox_before_failing ON core_outboxevent (key) '
                             'WHERE attempts > 0 AND sent_at IS NULL',
}


def _step(name: str, statement: str) -> list[migrations.RunSQL]:
    """What an attempt that was broken off left is no index; it goes first."""
    gone = f'DROP INDEX CONCURRENTLY IF EXISTS {name}'
    return [migrations.RunSQL(gone, migrations.RunSQL.noop), migrations.RunSQL(statement, gone)]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [('core', '0012_inbox')]

    operations = [step for name, statement in INDEXES.items() for step in _step(name, statement)]
