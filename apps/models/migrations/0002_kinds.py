"""The kind of a model beside each version, so that only those have dimensions whose kind gives vectors.

A reranker said 1 until now. Its kind is called as what it does, as the others are; a generator could never be registered.
"""

from django.db import migrations, models

KIND = models.CharField(choices=[("embedding", "Embedding"), ("reranking", "Reranking")], max_length=20)
KIND_OF_VERSION = models.CharField(
    choices=[("embedding", "Embedding"), ("reranking", "Reranking")], max_length=20, editable=False, default="embedding"
)
WIDTH = "Width of the vectors, where the kind gives vectors."

FILL = """
UPDATE model_registry_model SET kind = 'reranking' WHERE kind = 'reranker';
UPDATE model_registry_modelversion v
SET kind = m.kind, dimensions = CASE WHEN m.kind = 'embedding' THEN v.dimensions END
FROM model_registry_model m WHERE m.id = v.model_id;
"""
UNFILL = """
UPDATE model_registry_model SET kind = 'reranker' WHERE kind = 'reranking';
UPDATE model_registry_modelversion SET dimensions = 1 WHERE dimensions IS NULL;
"""
KIND_OF_MODEL = """
ALTER TABLE model_registry_modelversion ADD CONSTRAINT model_version_kind_of_model
FOREIGN KEY (model_id, kind) REFERENCES model_registry_model (id, kind)
"""
NOT_KIND_OF_MODEL = "ALTER TABLE model_registry_modelversion DROP CONSTRAINT model_version_kind_of_model"


class Migration(migrations.Migration):
    dependencies = [("model_registry", "0001_initial")]

    operations = [
        migrations.RemoveConstraint("model", "model_kind_known"),
        migrations.RemoveConstraint("modelversion", "model_version_has_dimensions"),
        migrations.AlterField("model", "kind", KIND),
        migrations.AlterField("modelversion", "dimensions", models.PositiveIntegerField(help_text=WIDTH, null=True)),
        migrations.AddField("modelversion", "kind", KIND_OF_VERSION, preserve_default=False),
        migrations.RunSQL(FILL, UNFILL),
        migrations.AddConstraint(
            "model", models.CheckConstraint(condition=models.Q(kind__in=["embedding", "reranking"]), name="model_kind_known")
        ),
        migrations.AddConstraint("model", models.UniqueConstraint(fields=["id", "kind"], name="model_kind_of_id")),
        migrations.RunSQL(KIND_OF_MODEL, NOT_KIND_OF_MODEL),
        migrations.AddConstraint(
            "modelversion",
            models.CheckConstraint(
                condition=models.Q(kind__in=["embedding"], dimensions__isnull=False, dimensions__gt=0)
                | (~models.Q(kind__in=["embedding"]) & models.Q(dimensions=None)),
                name="model_version_dimensions_by_kind",
            ),
        ),
    ]
