"""What a document's file tells as its title stands in the document's row, kept as its type and its language are.

Documents that are there have none until another version answers: a number as a title stays one until then.
"""

from django.db import migrations, models

KEPT = """
CREATE OR REPLACE FUNCTION ragsite_document_kept() RETURNS trigger LANGUAGE plpgsql AS $$
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
    SELECT v.document_type, coalesce(p.language, ''){told} INTO NEW.document_type, NEW.language{new_told}
    FROM documents_documentversion v LEFT JOIN documents_parsedtext p ON p.version_id = v.id
    WHERE v.id = NEW.current_version_id;
    NEW.document_type := coalesce(NEW.document_type, '');
    NEW.language := coalesce(NEW.language, '');{or_none}
    RETURN NEW;
END
$$;
"""
WITH_TOLD = KEPT.format(
    told=", coalesce(p.title, '')", new_told=", NEW.told", or_none="\n    NEW.told := coalesce(NEW.told, '');"
)
WITHOUT_TOLD = KEPT.format(told="", new_told="", or_none="")


class Migration(migrations.Migration):

    dependencies = [("documents", "0029_versions_of_tenant")]

    operations = [
        migrations.AddField(
            model_name="document",
            name="told",
            field=models.CharField(
                db_default="", default="", editable=False,
                help_text="The title that the current version's file tells itself.", max_length=300,
            ),
        ),
        migrations.RunSQL(WITH_TOLD, WITHOUT_TOLD),
    ]
