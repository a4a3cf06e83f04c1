"""What searches filter by: a document's tags and metadata by index, and what its current version is in columns of its own.

A trigger keeps these columns. Versions become current in several places, and some of them set many documents at once; a
filter must be true from the same moment on, whoever did it.
"""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.models.functions import Left

from apps.documents.languages import TELLING, language_code

BATCH = 200

KEPT = """
CREATE FUNCTION ragsite_document_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.document_type := OLD.document_type;
        NEW.language := OLD.language;
        NEW.updated_at := OLD.updated_at;
        IF (NEW.title, NEW.external_id, NEW.metadata, NEW.tags, NEW.current_version_id)
           IS DISTINCT FROM (OLD.title, OLD.external_id, OLD.metadata, OLD.tags, OLD.current_version_id) THEN
            NEW.updated_at := statement_timestamp();
        END IF;
        IF NEW.current_version_id IS NOT DISTINCT FROM OLD.current_version_id THEN
            RETURN NEW;
        END IF;
    END IF;
    SELECT v.document_type, coalesce(p.language, '') INTO NEW.document_type, NEW.language
    FROM documents_documentversion v LEFT JOIN documents_parsedtext p ON p.version_id = v.id
    WHERE v.id = NEW.current_version_id;
    NEW.document_type := coalesce(NEW.document_type, '');
    NEW.language := coalesce(NEW.language, '');
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION ragsite_document_kept() FROM PUBLIC;
CREATE TRIGGER document_kept BEFORE INSERT OR UPDATE ON documents_document
    FOR EACH ROW EXECUTE FUNCTION ragsite_document_kept();
"""
LEFT = """
DROP TRIGGER document_kept ON documents_document;
DROP FUNCTION ragsite_document_kept();
"""
FILLED = """
UPDATE documents_document d
SET document_type = v.document_type, language = coalesce(p.language, ''),
    updated_at = greatest(d.created_at, v.ready_at)
FROM documents_documentversion v LEFT JOIN documents_parsedtext p ON p.version_id = v.id
WHERE v.id = d.current_version_id
"""


def languages_told(apps, schema_editor):
    texts = apps.get_model("documents", "ParsedText").objects.using(schema_editor.connection.alias)
    waiting = list(texts.values_list("pk", flat=True))
    for start in range(0, len(waiting), BATCH):
        batch = texts.filter(pk__in=waiting[start : start + BATCH]).annotate(beginning=Left("text", TELLING))
        told = [texts.model(pk=pk, language=language_code(text)) for pk, text in batch.values_list("pk", "beginning")]
        texts.bulk_update(told, ["language"])


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0007_retrieval_settings'),
    ]

    operations = [
        migrations.AddField(
            model_name='document',
            name='document_type',
            field=models.CharField(db_default='', editable=False, help_text='Of the current version.', max_length=20),
        ),
        migrations.AddField(
            model_name='document',
            name='language',
            field=models.CharField(db_default='', editable=False, help_text='Of the current version.', max_length=8),
        ),
        migrations.AddField(
            model_name='document',
            name='tags',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), blank=True, db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='document',
            name='updated_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When what it says, or what is said about it, last changed.'),
        ),
        migrations.AddField(
            model_name='parsedtext',
            name='language',
            field=models.CharField(db_default='', default='', help_text='ISO 639-1; "" where it can\'t be told.', max_length=8),
        ),
        migrations.AddIndex(
            model_name='document',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass('metadata', 'jsonb_path_ops'), name='document_metadata'),
        ),
        migrations.AddIndex(
            model_name='document',
            index=django.contrib.postgres.indexes.GinIndex(fields=['tags'], name='document_tags'),
        ),
        migrations.RunPython(languages_told, migrations.RunPython.noop),
        migrations.RunSQL(FILLED, migrations.RunSQL.noop),
        migrations.RunSQL(KEPT, LEFT),
    ]
