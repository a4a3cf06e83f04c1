"""Vectors go with their chunks by one statement for all chunks that are deleted at once, in the partitions they lie in.

The foreign key's cascade looked into every partition for every chunk: with 300 knowledge bases a few milliseconds each. What else
the key saw to the trigger on insert does: a chunk that a vector is written for stays until that is committed, and for one that
is gone no vector is written.
"""

from django.db import migrations

from ragsite.core.row_security import closed_to_public

NO_KEY = "ALTER TABLE retrieval_embedding DROP CONSTRAINT retrieval_embedding_chunk_id_fkey"
KEY = """
ALTER TABLE retrieval_embedding ADD CONSTRAINT retrieval_embedding_chunk_id_fkey
    FOREIGN KEY (chunk_id) REFERENCES documents_chunk (id) ON DELETE CASCADE
"""

VERSION = """
CREATE OR REPLACE FUNCTION retrieval_embedding_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    SELECT version_id INTO NEW.version_id FROM documents_chunk WHERE id = NEW.chunk_id{held};
    RETURN NEW;
END $$;
"""

# A chunk's version is there as a rule, and with it the generations that may have its vector.
DELETED = """
CREATE FUNCTION retrieval_chunks_deleted() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    generation bigint;
BEGIN
    FOR generation IN
        SELECT g.id FROM retrieval_indexgeneration g WHERE g.knowledge_base_id IN (
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
CREATE TRIGGER chunks_deleted AFTER DELETE ON documents_chunk
REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION retrieval_chunks_deleted();
"""
NOT_DELETED = """
DROP TRIGGER chunks_deleted ON documents_chunk;
DROP FUNCTION retrieval_chunks_deleted();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0006_rights'),
        ('retrieval', '0009_answer_degraded'),
    ]

    operations = [
        migrations.RunSQL(NO_KEY, KEY),
        migrations.RunSQL(VERSION.format(held=" FOR KEY SHARE"), VERSION.format(held="")),
        migrations.RunSQL(DELETED, NOT_DELETED),
        closed_to_public(['retrieval_chunks_deleted()'], clients_of='retrieval_embedding'),
    ]
