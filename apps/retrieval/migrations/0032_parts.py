"""A generation's vectors may be kept in parts, each a partition of the one table of vectors with a number of its own.

That number stands where a generation's own does: in the column and in the name of the partition. So it is taken from the sequence of
generations, what makes, indexes and drops a partition does so for a part too, and nothing that is there changes. A generation that
is not divided has no row here.

Which part has a version is decided by one function, which whoever writes asks. A trigger on each part asks it again: so a chunk is in
one part and in no other, whoever writes and by whatever way.
"""

import django.db.models.deletion
import pgvector.django.halfvec
from django.db import migrations, models
from django.db.models.functions import Now

from ragsite.core.row_security import closed_to_public

BY = [
    ("none", "Not divided"),
    ("month", "By the month in which a document was added"),
    ("year", "By the year in which a document was added"),
    ("type", "By the type of a file"),
]

NUMBERED = """
ALTER TABLE retrieval_indexpart ALTER COLUMN id DROP IDENTITY;
DO $$
BEGIN
    EXECUTE format('ALTER TABLE retrieval_indexpart ALTER COLUMN id SET DEFAULT nextval(%L)',
                   pg_get_serial_sequence('retrieval_indexgeneration', 'id'));
END $$;
"""

# By the time and the type that a search filters by: in UTC, and of a document's current version, which has the vectors that are found.
KEY = """
CREATE FUNCTION retrieval_part_key(parts text, version uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT CASE parts
        WHEN 'month' THEN to_char(d.created_at AT TIME ZONE 'UTC', 'YYYY-MM')
        WHEN 'year' THEN to_char(d.created_at AT TIME ZONE 'UTC', 'YYYY')
        WHEN 'type' THEN v.document_type
    END
    FROM documents_documentversion v JOIN documents_document d ON d.id = v.document_id
    WHERE v.id = version
$$;
"""

# After `embedding_version`, by its name: that one sets the version.
HOME = """
CREATE FUNCTION retrieval_part_home() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM retrieval_indexpart p JOIN retrieval_indexgeneration g ON g.id = p.generation_id
        WHERE p.id = NEW.generation_id AND p.key = retrieval_part_key(g.parts, NEW.version_id))
    THEN
        RAISE EXCEPTION 'chunk % of version % does not belong into part %', NEW.chunk_id, NEW.version_id, NEW.generation_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'index_part_home';
    END IF;
    RETURN NEW;
END $$;
"""

CREATE = """
CREATE FUNCTION retrieval_part_create(part bigint, dimensions integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM retrieval_partition_create(part, dimensions);
    EXECUTE format('CREATE TRIGGER part_home BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION retrieval_part_home()',
                   format('retrieval_embedding_g%s', part));
END $$;
"""

# Nobody writes into it from the look on, as it is locked by then; who waited for that finds no table, and no row of the part.
EMPTY = """
CREATE FUNCTION retrieval_part_drop_empty(part bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '1500ms' AS $$
DECLARE
    name text := format('retrieval_embedding_g%s', part);
    used boolean;
BEGIN
    IF to_regclass(name) IS NULL THEN
        RETURN true;
    END IF;
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', name);
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO used;
    IF used THEN
        RETURN false;
    END IF;
    PERFORM retrieval_partition_drop(part);
    RETURN true;
END $$;
"""

GENERATIONS = """
CREATE OR REPLACE FUNCTION ragsite_generations() RETURNS SETOF bigint
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp ROWS 100 AS $$
    SELECT i.id FROM retrieval_indexgeneration i JOIN documents_knowledgebase kb ON kb.id = i.knowledge_base_id
    WHERE kb.tenant_id = nullif(current_setting('ragsite.tenant', true), '')::uuid AND kb.deleted_at IS NULL
    {parts}
$$;
"""
AND_PARTS = """UNION ALL
    SELECT p.id FROM retrieval_indexpart p
    JOIN retrieval_indexgeneration i ON i.id = p.generation_id
    JOIN documents_knowledgebase kb ON kb.id = i.knowledge_base_id
    WHERE kb.tenant_id = nullif(current_setting('ragsite.tenant', true), '')::uuid AND kb.deleted_at IS NULL"""

DELETED = """
CREATE OR REPLACE FUNCTION retrieval_chunks_deleted() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    generation bigint;
BEGIN
    FOR generation IN
        {held} g.knowledge_base_id IN (
            SELECT d.knowledge_base_id FROM deleted c
            JOIN documents_documentversion v ON v.id = c.version_id
            JOIN documents_document d ON d.id = v.document_id)
    LOOP
        DELETE FROM retrieval_embedding e USING deleted c WHERE e.generation_id = generation AND e.chunk_id = c.id;
    END LOOP;
    IF EXISTS (
        SELECT FROM deleted c WHERE NOT EXISTS (SELECT FROM documents_documentversion v WHERE v.id = c.version_id))
    THEN
        DELETE FROM retrieval_embedding e USING deleted c WHERE e.chunk_id = c.id;
    END IF;
    RETURN NULL;
END $$;
"""
OF_GENERATIONS = "SELECT g.id FROM retrieval_indexgeneration g WHERE"
OF_PARTS_TOO = """SELECT coalesce(p.id, g.id)
        FROM retrieval_indexgeneration g LEFT JOIN retrieval_indexpart p ON p.generation_id = g.id
        WHERE"""

USED = [
    "retrieval_part_create(bigint, integer)", "retrieval_part_drop_empty(bigint)", "retrieval_part_key(text, uuid)", "retrieval_part_home()",
]

STATE = [
    migrations.DeleteModel(name="Embedding"),
    migrations.CreateModel(
        name="Embedding",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "part_id", "chunk", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            (
                "part_id",
                models.BigIntegerField(
                    db_column="generation_id", help_text="The number of its generation, or of a part of that."
                ),
            ),
            ("embedding", pgvector.django.halfvec.HalfVectorField()),
            ("version_id", models.UUIDField(editable=False, help_text="Its chunk's; a trigger sees to it.")),
            (
                "chunk",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.DO_NOTHING, related_name="embeddings", to="documents.chunk"
                ),
            ),
        ],
        options={"db_table": "retrieval_embedding"},
    ),
]


class Migration(migrations.Migration):

    dependencies = [("documents", "0027_parts"), ("retrieval", "0031_quantised")]

    operations = [
        migrations.AddField(
            model_name="indexgeneration",
            name="parts",
            field=models.CharField(
                choices=BY, db_default="none", default="none", help_text="By what its vectors are kept in parts.", max_length=5
            ),
        ),
        migrations.CreateModel(
            name="IndexPart",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=20)),
                ("has_hnsw", models.BooleanField(default=False)),
                ("quantised", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                (
                    "generation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="index_parts", to="retrieval.indexgeneration"
                    ),
                ),
            ],
            options={
                "ordering": ["generation", "key"],
                "constraints": [models.UniqueConstraint(fields=("generation", "key"), name="index_part_key")],
            },
        ),
        migrations.RunSQL(NUMBERED, migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(state_operations=STATE),
        migrations.RunSQL(KEY, "DROP FUNCTION retrieval_part_key(text, uuid)"),
        migrations.RunSQL(HOME, "DROP FUNCTION retrieval_part_home()"),
        migrations.RunSQL(CREATE, "DROP FUNCTION retrieval_part_create(bigint, integer)"),
        migrations.RunSQL(EMPTY, "DROP FUNCTION retrieval_part_drop_empty(bigint)"),
        migrations.RunSQL(GENERATIONS.format(parts=AND_PARTS), GENERATIONS.format(parts="")),
        migrations.RunSQL(DELETED.format(held=OF_PARTS_TOO), DELETED.format(held=OF_GENERATIONS)),
        closed_to_public(USED, clients_of="retrieval_embedding"),
    ]
