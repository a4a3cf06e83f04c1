"""The version beside each vector, so that a search for the nearest ones need not look their chunks up.

A trigger takes it from the chunk, whoever writes and by whatever way: the two can't differ, as a chunk never changes its
version. Vectors that are there already are written anew, for which their HNSW index is dropped and made again: that takes
as long as it took at first (45 s for 100,000 vectors on two cores).
"""

from django.db import migrations, models

from ragsite.core.row_security import closed_to_public

COLUMN = "ALTER TABLE retrieval_embedding ADD COLUMN version_id uuid"

TRIGGER = """
CREATE FUNCTION retrieval_embedding_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    SELECT version_id INTO NEW.version_id FROM documents_chunk WHERE id = NEW.chunk_id;
    RETURN NEW;
END $$;
CREATE TRIGGER embedding_version BEFORE INSERT ON retrieval_embedding
FOR EACH ROW EXECUTE FUNCTION retrieval_embedding_version();
"""
NO_TRIGGER = """
DROP TRIGGER embedding_version ON retrieval_embedding;
DROP FUNCTION retrieval_embedding_version();
"""

FILL = """
DO $$
DECLARE
    generation record;
    part text;
    indexed boolean;
BEGIN
    FOR generation IN SELECT id, dimensions FROM retrieval_indexgeneration LOOP
        part := format('retrieval_embedding_g%s', generation.id);
        CONTINUE WHEN to_regclass(part) IS NULL;
        indexed := to_regclass(part || '_hnsw') IS NOT NULL;
        EXECUTE format('DROP INDEX IF EXISTS %I', part || '_hnsw');
        EXECUTE format('UPDATE %I e SET version_id = c.version_id FROM documents_chunk c WHERE c.id = e.chunk_id', part);
        IF indexed THEN
            PERFORM retrieval_partition_index(generation.id, generation.dimensions);
        END IF;
    END LOOP;
END $$;
"""

STATE = [
    migrations.AddField(
        model_name='embedding',
        name='version_id',
        field=models.UUIDField(editable=False, help_text="Its chunk's; a trigger sees to it."),
        preserve_default=False,
    ),
]


class Migration(migrations.Migration):

    dependencies = [
        ('retrieval', '0007_reindexing'),
    ]

    operations = [
        migrations.RunSQL(COLUMN, 'ALTER TABLE retrieval_embedding DROP COLUMN version_id', state_operations=STATE),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(
            'ALTER TABLE retrieval_embedding ALTER COLUMN version_id SET NOT NULL',
            'ALTER TABLE retrieval_embedding ALTER COLUMN version_id DROP NOT NULL',
        ),
        migrations.RunSQL(TRIGGER, NO_TRIGGER),
        closed_to_public(['retrieval_embedding_version()'], clients_of='retrieval_embedding'),
    ]
