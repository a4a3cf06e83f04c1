"""Vectors of a generation may be searched in a store beside PostgreSQL, which has a ledger of what that store has.

The ledger's rows become due in the transaction of the change that makes them so, whoever makes it: a trigger on documents sees another
current version and a deletion, the one on chunks sees that they are removed. Where no generation has such a store both find an
empty table.
"""

from django.db import migrations, models

from ragsite.core.row_security import closed_to_public, protected

GENERATIONS = "generation_id IN (SELECT g FROM ragsite_generations() g)"

FOLLOW = """
CREATE FUNCTION retrieval_stored_follow() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    WITH locked AS MATERIALIZED (
        SELECT s.generation_id, s.version_id FROM retrieval_storedversion s
        WHERE s.version_id IN (
            SELECT unnest(ARRAY[b.current_version_id, a.current_version_id]) FROM earlier b JOIN changed a ON a.id = b.id
            WHERE b.current_version_id IS DISTINCT FROM a.current_version_id OR b.deleted_at IS DISTINCT FROM a.deleted_at)
        ORDER BY s.version_id, s.generation_id FOR UPDATE)
    UPDATE retrieval_storedversion s SET settles_at = NULL, mark = s.mark + 1
    FROM locked l WHERE s.generation_id = l.generation_id AND s.version_id = l.version_id;
    RETURN NULL;
END $$;
CREATE TRIGGER stored_follow AFTER UPDATE ON documents_document
REFERENCING OLD TABLE AS earlier NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION retrieval_stored_follow();
"""
NO_FOLLOW = """
DROP TRIGGER stored_follow ON documents_document;
DROP FUNCTION retrieval_stored_follow();
"""

REMOVED = """
CREATE FUNCTION retrieval_stored_removed() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    WITH locked AS MATERIALIZED (
        SELECT s.generation_id, s.version_id FROM retrieval_storedversion s
        WHERE s.version_id IN (SELECT version_id FROM deleted) ORDER BY s.version_id, s.generation_id FOR UPDATE)
    UPDATE retrieval_storedversion s SET settles_at = NULL, mark = s.mark + 1
    FROM locked l WHERE s.generation_id = l.generation_id AND s.version_id = l.version_id;
    RETURN NULL;
END $$;
CREATE TRIGGER stored_removed AFTER DELETE ON documents_chunk
REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION retrieval_stored_removed();
"""
NOT_REMOVED = """
DROP TRIGGER stored_removed ON documents_chunk;
DROP FUNCTION retrieval_stored_removed();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0026_stage_begun'),
        ('retrieval', '0029_experiments'),
    ]

    operations = [
        migrations.AddField(
            model_name='indexgeneration',
            name='store',
            field=models.CharField(choices=[('postgresql', 'PostgreSQL'), ('milvus', 'Milvus')], db_default='postgresql', default='postgresql', help_text='Where its vectors are searched.', max_length=12),
        ),
        migrations.AddField(
            model_name='indexgeneration',
            name='collection',
            field=models.CharField(blank=True, db_default='', default='', editable=False, help_text='What its vectors are called in a store beside PostgreSQL.', max_length=80),
        ),
        migrations.CreateModel(
            name='StoredVersion',
            fields=[
                ('pk', models.CompositePrimaryKey('generation_id', 'version_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('generation_id', models.BigIntegerField()),
                ('version_id', models.UUIDField()),
                ('mark', models.BigIntegerField(help_text='Raised by every change.')),
                ('is_held', models.BooleanField(help_text='Whether the store may have vectors of it.')),
                ('settles_at', models.DateTimeField(help_text='From when on the store answers for it; none: the store is to be told of it.', null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['version_id'], name='stored_version'), models.Index(fields=['generation_id', 'settles_at'], name='stored_settles'), models.Index(condition=models.Q(('settles_at', None)), fields=['generation_id', 'version_id'], name='stored_due')],
            },
        ),
        migrations.CreateModel(
            name='DroppedCollection',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80, unique=True)),
                ('store', models.CharField(choices=[('postgresql', 'PostgreSQL'), ('milvus', 'Milvus')], max_length=12)),
                ('generation_id', models.BigIntegerField(help_text='Of which it was.')),
            ],
        ),
        migrations.RunSQL(FOLLOW, NO_FOLLOW),
        migrations.RunSQL(REMOVED, NOT_REMOVED),
        closed_to_public(
            ['retrieval_stored_follow()', 'retrieval_stored_removed()'], clients_of='retrieval_embedding'
        ),
        protected('retrieval_storedversion', visible=GENERATIONS),
    ]
