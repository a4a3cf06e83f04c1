"""The partitioned table of embeddings, and the owner's functions that make, index and drop a partition.

The application's role owns nothing. It reaches table changes only through these functions, which run as their owner and
build every name from a number.
"""

import django.db.models.deletion
import pgvector.django.halfvec
from django.db import migrations, models

FORWARD = """
CREATE TABLE retrieval_embedding (
    generation_id bigint NOT NULL,
    chunk_id bigint NOT NULL REFERENCES documents_chunk (id) ON DELETE CASCADE,
    embedding halfvec NOT NULL,
    PRIMARY KEY (generation_id, chunk_id)
) PARTITION BY LIST (generation_id);
CREATE INDEX retrieval_embedding_chunk ON retrieval_embedding (chunk_id);

CREATE FUNCTION retrieval_partition_create(generation bigint, dimensions integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    part text := format('retrieval_embedding_g%s', generation);
BEGIN
    EXECUTE format('CREATE TABLE %I PARTITION OF retrieval_embedding (CHECK (vector_dims(embedding) = %s)) FOR VALUES IN (%s)',
                   part, dimensions, generation);
    EXECUTE format('ALTER TABLE %I SET (autovacuum_vacuum_scale_factor = 0.02)', part);
    EXECUTE format('ALTER TABLE %I ALTER COLUMN embedding SET STORAGE PLAIN', part);
END $$;

CREATE FUNCTION retrieval_partition_index(generation bigint, dimensions integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    part text := format('retrieval_embedding_g%s', generation);
BEGIN
    PERFORM set_config('maintenance_work_mem', '512MB', true);
    EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %I USING hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops) '
                   'WITH (m = 16, ef_construction = 100)', part || '_hnsw', part, dimensions);
    EXECUTE format('ANALYZE %I', part);
END $$;

CREATE FUNCTION retrieval_partition_drop(generation bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I', format('retrieval_embedding_g%s', generation));
END $$;
"""

BACKWARD = """
DROP FUNCTION retrieval_partition_drop(bigint);
DROP FUNCTION retrieval_partition_index(bigint, integer);
DROP FUNCTION retrieval_partition_create(bigint, integer);
DROP TABLE retrieval_embedding;
"""


STATE = [
    migrations.CreateModel(
        name="Embedding",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "generation", "chunk", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("embedding", pgvector.django.halfvec.HalfVectorField()),
            (
                "generation",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.DO_NOTHING,
                    related_name="embeddings",
                    to="retrieval.indexgeneration",
                ),
            ),
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
    dependencies = [("retrieval", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD, state_operations=STATE)]
