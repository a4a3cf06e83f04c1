"""What can be found in a knowledge base has a mark that changes in the transaction of every change to it.

Each transaction adds a row of its own, so that nobody waits for anybody; the mark is the sum of the rows. A row's part of it is
random, so that a database that was restored does not come to a mark that it has had with other contents.
"""

from django.db import migrations, models

from ragsite.core.row_security import closed_to_public

MARK = """
CREATE FUNCTION ragsite_findable_mark(bases uuid[]) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp AS $$
    INSERT INTO retrieval_findablechange AS c (knowledge_base_id, transaction, mark)
    SELECT base, pg_current_xact_id()::text::bigint,
           ('x' || left(replace(gen_random_uuid()::text, '-', ''), 15))::bit(60)::bigint
    FROM unnest(bases) base WHERE base IS NOT NULL
    ON CONFLICT (knowledge_base_id, transaction) DO UPDATE SET mark = c.mark + excluded.mark
$$;
"""
FUNCTION = """
CREATE FUNCTION ragsite_findable_{name}() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM ragsite_findable_mark(ARRAY(SELECT DISTINCT {base} FROM changed));
    RETURN NULL;
END $$;
"""
TRIGGERS = """
CREATE TRIGGER findable_inserted AFTER INSERT ON {table}
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ragsite_findable_{name}();
CREATE TRIGGER findable_updated AFTER UPDATE ON {table}
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ragsite_findable_{name}();
CREATE TRIGGER findable_deleted AFTER DELETE ON {table}
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ragsite_findable_{name}();
"""
NO_TRIGGERS = """
DROP TRIGGER findable_inserted ON {table};
DROP TRIGGER findable_updated ON {table};
DROP TRIGGER findable_deleted ON {table};
"""
BASES = {
    "base": "changed.id",
    "part": "changed.knowledge_base_id",
    "grant": """coalesce(changed.knowledge_base_id, (
        SELECT d.knowledge_base_id FROM documents_document d WHERE d.id = changed.document_id))""",
}
TABLES = {
    "documents_knowledgebase": "base",
    "documents_document": "part",
    "retrieval_indexgeneration": "part",
    "retrieval_lexicalsegment": "part",
    "documents_grant": "grant",
}
FUNCTIONS = ["ragsite_findable_mark(uuid[])", *(f"ragsite_findable_{name}()" for name in BASES)]


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0015_document_restricted'),
        ('retrieval', '0020_conversations_valid'),
    ]

    operations = [
        migrations.CreateModel(
            name='FindableChange',
            fields=[
                ('pk', models.CompositePrimaryKey('knowledge_base_id', 'transaction', blank=True, editable=False, primary_key=True, serialize=False)),
                ('knowledge_base_id', models.UUIDField()),
                ('transaction', models.BigIntegerField(help_text='Which one made it; 0 for many that were put together.')),
                ('mark', models.DecimalField(decimal_places=0, max_digits=40)),
            ],
        ),
        migrations.RunSQL(MARK, "DROP FUNCTION ragsite_findable_mark(uuid[])"),
        *(
            migrations.RunSQL(FUNCTION.format(name=name, base=base), f"DROP FUNCTION ragsite_findable_{name}()")
            for name, base in BASES.items()
        ),
        closed_to_public(FUNCTIONS, clients_of='retrieval_findablechange'),
        *(
            migrations.RunSQL(TRIGGERS.format(table=table, name=name), NO_TRIGGERS.format(table=table))
            for table, name in TABLES.items()
        ),
    ]
