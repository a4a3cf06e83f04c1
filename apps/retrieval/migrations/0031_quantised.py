"""A generation's index may be of single bits, and is built in as much memory as its graph needs.

The function that builds one is a new one beside the first, which the release before calls. As the owner's function it decides
itself how much memory a number of vectors needs: the caller only says what it may be at most.
"""

from django.db import migrations, models

from ragsite.core.row_security import closed_to_public

# An element, its vector, and room for m = 16 neighbours a layer, 32 on the lowest, of 16 bytes each: pgvector's hnsw.h.
INDEX = """
CREATE FUNCTION retrieval_partition_index(generation bigint, dimensions integer, quantised boolean, megabytes integer)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    part text := format('retrieval_embedding_g%s', generation);
    vectors bigint;
    needed bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %I', part) INTO vectors;
    needed := vectors * (800 + CASE WHEN quantised THEN dimensions / 8 ELSE dimensions * 2 END) / 1048576 + 64;
    PERFORM set_config('maintenance_work_mem', least(needed, megabytes) || 'MB', true);
    IF quantised THEN
        EXECUTE format('CREATE INDEX IF NOT EXISTS %1$I ON %2$I USING hnsw '
                       '((binary_quantize(embedding::halfvec(%3$s))::bit(%3$s)) bit_hamming_ops) '
                       'WITH (m = 16, ef_construction = 100)', part || '_bits', part, dimensions);
    ELSE
        EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %I USING hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops) '
                       'WITH (m = 16, ef_construction = 100)', part || '_hnsw', part, dimensions);
    END IF;
    EXECUTE format('ANALYZE %I', part);
END $$;
"""
FUNCTION = "retrieval_partition_index(bigint, integer, boolean, integer)"


class Migration(migrations.Migration):

    dependencies = [("retrieval", "0030_vector_stores")]

    operations = [
        migrations.AddField(
            model_name="indexgeneration",
            name="quantised",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Its index has one bit of each of a vector's numbers."
            ),
        ),
        migrations.RunSQL(INDEX, f"DROP FUNCTION {FUNCTION}"),
        closed_to_public([FUNCTION], clients_of="retrieval_embedding"),
    ]
