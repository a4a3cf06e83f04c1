"""A version knows its tenant, by which versions are claimed in turn. A trigger keeps it true, whoever inserts or moves what.

The index holds only versions under way, so it is made at once.
"""

from django.db import migrations, models

KEPT = """
CREATE FUNCTION ragsite_version_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT d.tenant_id INTO NEW.tenant_id FROM documents_document d WHERE d.id = NEW.document_id;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION ragsite_version_tenant() FROM PUBLIC;
CREATE TRIGGER version_tenant BEFORE INSERT OR UPDATE OF tenant_id, document_id ON documents_documentversion
    FOR EACH ROW EXECUTE FUNCTION ragsite_version_tenant();

CREATE FUNCTION ragsite_document_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE documents_documentversion SET tenant_id = NEW.tenant_id WHERE document_id = NEW.id;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ragsite_document_moved() FROM PUBLIC;
CREATE TRIGGER document_moved AFTER UPDATE OF tenant_id ON documents_document
    FOR EACH ROW WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id) EXECUTE FUNCTION ragsite_document_moved();
"""
LEFT = """
DROP TRIGGER document_moved ON documents_document;
DROP FUNCTION ragsite_document_moved();
DROP TRIGGER version_tenant ON documents_documentversion;
DROP FUNCTION ragsite_version_tenant();
"""
FILLED = """
UPDATE documents_documentversion v SET tenant_id = d.tenant_id FROM documents_document d WHERE d.id = v.document_id
"""
HELP = "Whose turn it is worked on in: that of its document."


class Migration(migrations.Migration):

    dependencies = [
        ("documents", "0009_version_waiting"),
    ]

    operations = [
        migrations.AddField(
            model_name="documentversion",
            name="tenant_id",
            field=models.UUIDField(editable=False, help_text=HELP, null=True),
        ),
        migrations.RunSQL(FILLED, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="documentversion",
            name="tenant_id",
            field=models.UUIDField(editable=False, help_text=HELP),
        ),
        migrations.RunSQL(KEPT, LEFT),
        migrations.RemoveIndex(
            model_name="documentversion",
            name="version_waiting",
        ),
        migrations.AddIndex(
            model_name="documentversion",
            index=models.Index(
                condition=models.Q(("status__in", ["cancelled", "failed", "ready"]), _negated=True),
                fields=["status", "tenant_id", "not_before", "id"],
                name="version_waiting",
            ),
        ),
    ]
